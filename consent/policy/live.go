package policy

import (
	"sync/atomic"

	"kelisim/consent"
)

// Live is the catalogue in force, which can be replaced while it is asked. Whoever
// needs more than one answer of the same moment asks for Now once. It is safe for
// concurrent use.
type Live struct{ now atomic.Pointer[Catalogue] }

// NewLive begins with a catalogue.
func NewLive(c *Catalogue) *Live {
	l := &Live{}
	l.Replace(c)
	return l
}

// Now is the catalogue of this moment.
func (l *Live) Now() *Catalogue { return l.now.Load() }

// Replace puts another catalogue in force.
func (l *Live) Replace(c *Catalogue) { l.now.Store(c) }

// Holding is an edition of a site if consents given under it are in force now.
func (l *Live) Holding(site string, key consent.EditionKey) (*consent.Edition, bool) {
	return l.Now().Holding(site, key)
}
