package consent

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Kind says what a consent item asks for.
type Kind uint8

// The kinds of consent item. Purposes license fields; the others license none
// and stand in the same id space, so that one token format holds them all.
const (
	KindPurpose     Kind = iota // a purpose of processing
	KindThirdParty              // transfer to third parties
	KindCrossBorder             // cross-border transfer
	KindPublication             // distribution in public sources
	kindCount
)

var kindNames = [kindCount]string{"purpose", "third_party", "cross_border", "publication"}

// String is the name of the kind in answers and records.
func (k Kind) String() string {
	if k >= kindCount {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// Item is one thing a person can allow or refuse.
type Item struct {
	ID            string // as in the policy file: [a-z][a-z0-9_]*
	Kind          Kind
	Fields        Fields // what it licenses; empty unless a purpose
	RetentionDays int    // how long what it licenses is kept; 0 unless a purpose
	AddressDays   int    // how long the network of the address is kept; 0 = RetentionDays
	GPC           bool   // lowered by a Global Privacy Control signal
}

// Items is a set of the items of one edition: bit i is its i-th item. The zero
// value grants nothing.
type Items uint32

// MaxItems is the most items one edition can hold.
const MaxItems = 32

// EditionOptions is what an edition is made of.
type EditionOptions struct {
	Site       string
	Hash       [32]byte            // SHA-256 of the policy document
	Number     int                 // the edition number shown to people
	Items      []Item              // purposes first; at most MaxItems
	TermMonths int                 // term of a consent
	Events     map[string][]string // declared custom events and their properties
}

// Edition is one immutable edition of a site's policy, compiled to what the
// gate needs. A nil or zero Edition permits nothing.
type Edition struct {
	site   string
	hash   [32]byte
	number int
	items  []Item
	term   int
	events map[string][]string
}

// ErrEdition is returned for an edition that cannot be compiled.
var ErrEdition = errors.New("consent: bad edition")

// NewEdition compiles an edition.
func NewEdition(o EditionOptions) (*Edition, error) {
	switch {
	case o.Site == "":
		return nil, fmt.Errorf("%w: no site", ErrEdition)
	case len(o.Items) == 0 || len(o.Items) > MaxItems:
		return nil, fmt.Errorf("%w: %d items, want 1 to %d", ErrEdition, len(o.Items), MaxItems)
	case o.TermMonths < 1 || o.TermMonths > 12:
		return nil, fmt.Errorf("%w: term of %d months, want 1 to 12", ErrEdition, o.TermMonths)
	}
	seen := map[string]bool{}
	for _, it := range o.Items {
		switch {
		case it.ID == "" || seen[it.ID]:
			return nil, fmt.Errorf("%w: item id %q is empty or stands twice", ErrEdition, it.ID)
		case it.Kind >= kindCount:
			return nil, fmt.Errorf("%w: item %q has an unknown kind", ErrEdition, it.ID)
		case it.Kind != KindPurpose && it.Fields != 0:
			return nil, fmt.Errorf("%w: item %q is no purpose and licenses fields", ErrEdition, it.ID)
		case it.Kind == KindPurpose && it.RetentionDays < 1:
			return nil, fmt.Errorf("%w: purpose %q has no retention", ErrEdition, it.ID)
		}
		seen[it.ID] = true
	}
	events := make(map[string][]string, len(o.Events))
	for name, props := range o.Events {
		events[name] = slices.Clone(props)
	}
	return &Edition{
		site: o.Site, hash: o.Hash, number: o.Number, items: slices.Clone(o.Items),
		term: o.TermMonths, events: events,
	}, nil
}

// Site is the site the edition belongs to.
func (e *Edition) Site() string { return e.site }

// Hash is the SHA-256 of the policy document.
func (e *Edition) Hash() [32]byte { return e.hash }

// Key names the edition in tokens and cookies.
func (e *Edition) Key() EditionKey { return EditionKey(e.hash[:8]) }

// Number is the edition number shown to people.
func (e *Edition) Number() int { return e.number }

// Items lists the items in the order of their bits.
func (e *Edition) Items() []Item { return slices.Clone(e.items) }

// Event lists the declared properties of a custom event.
func (e *Edition) Event(name string) (props []string, declared bool) {
	props, declared = e.events[name]
	return props, declared
}

// ItemsOf turns item ids into a set; unknown is the first id the edition lacks.
func (e *Edition) ItemsOf(ids []string) (set Items, unknown string) {
	for _, id := range ids {
		i := slices.IndexFunc(e.items, func(it Item) bool { return it.ID == id })
		if i < 0 {
			return 0, id
		}
		set |= 1 << i
	}
	return set, ""
}

// IDs lists the ids of a set, in the order of the bits.
func (e *Edition) IDs(set Items) []string {
	ids := []string{}
	for i, it := range e.items {
		if set&(1<<i) != 0 {
			ids = append(ids, it.ID)
		}
	}
	return ids
}

// All is the set of every item.
func (e *Edition) All() Items { return Items(uint64(1)<<len(e.items) - 1) }

// Lowered is the set without what a Global Privacy Control signal lowers.
func (e *Edition) Lowered(set Items) Items {
	for i, it := range e.items {
		if it.GPC {
			set &^= 1 << i
		}
	}
	return set
}

// Permission is what a set of granted items licenses: the fields, and for how
// many days a row that holds them may be kept. The zero value licenses nothing.
type Permission struct {
	Fields      Fields
	Days        int // the shortest retention among the purposes that license anything
	AddressDays int // the same for the network of the address; 0 without FieldAddress
}

// Permits is the table that the gate reads: what a set of items licenses.
func (e *Edition) Permits(set Items) Permission {
	var p Permission
	if e == nil {
		return p
	}
	days, address := math.MaxInt, math.MaxInt
	for i, it := range e.items {
		if set&(1<<i) == 0 || it.Fields == 0 {
			continue
		}
		p.Fields = p.Fields.Union(it.Fields)
		days = min(days, it.RetentionDays)
		if it.Fields.Has(FieldAddress) {
			a := it.RetentionDays
			if it.AddressDays > 0 {
				a = min(a, it.AddressDays)
			}
			address = min(address, a)
		}
	}
	if p.Fields == 0 {
		return Permission{}
	}
	p.Days = days
	if p.Fields.Has(FieldAddress) {
		p.AddressDays = min(address, days)
	}
	return p
}

// ExpiryOf is the end of a consent given now: the term in months, rounded down
// to 00:00 UTC on the first of a month.
func (e *Edition) ExpiryOf(now time.Time) time.Time {
	y, m, _ := now.UTC().Date()
	return time.Date(y, m+time.Month(e.term), 1, 0, 0, 0, 0, time.UTC)
}

// RowExpiry is when a row must go: the earlier of its retention and the end of
// the consent, floored to 00:00 UTC.
func RowExpiry(at time.Time, days int, consentEnd time.Time) time.Time {
	const day = 24 * 60 * 60
	end := min(at.Unix()+int64(days)*day, consentEnd.Unix())
	return time.Unix(end-(end%day+day)%day, 0).UTC()
}
