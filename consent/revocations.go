package consent

import (
	"sync"
	"time"
)

// Revocation ends every decision of a consent below a number.
type Revocation struct {
	Site    string
	ID      ID
	Lowest  uint32    // the lowest number still valid; NothingValid after a withdrawal
	At      time.Time // when it was decided
	Expires time.Time // when the tokens it kills are dead by themselves
	Spares  bool      // the older tokens are dead, what was accepted under them is not
}

// Revocations is the set that the gate asks. It is safe for concurrent use.
type Revocations struct {
	mu     sync.RWMutex
	lowest map[ID]revoked // nothing below is accepted or stored
	spared map[ID]revoked // nothing below is accepted
}

type revoked struct {
	lowest  uint32
	expires time.Time
}

// NewRevocations makes an empty set.
func NewRevocations() *Revocations {
	return &Revocations{lowest: map[ID]revoked{}, spared: map[ID]revoked{}}
}

// Add takes a revocation in. The strictest one known of an id wins.
func (r *Revocations) Add(v Revocation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	set := r.lowest
	if v.Spares {
		set = r.spared
	}
	old := set[v.ID]
	if v.Lowest > old.lowest {
		old.lowest = v.Lowest
	}
	if v.Expires.After(old.expires) {
		old.expires = v.Expires
	}
	set[v.ID] = old
}

// Covers reports whether a decision of that number is dead: nothing more is
// accepted under it.
func (r *Revocations) Covers(id ID, number uint32) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return number < r.lowest[id].lowest || number < r.spared[id].lowest
}

// Ends reports whether what was accepted under a decision of that number must
// not be stored any more.
func (r *Revocations) Ends(id ID, number uint32) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return number < r.lowest[id].lowest
}

// Forget drops entries whose tokens are dead.
func (r *Revocations) Forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, set := range []map[ID]revoked{r.lowest, r.spared} {
		for id, v := range set {
			if !now.Before(v.expires) {
				delete(set, id)
			}
		}
	}
}

// Len counts the entries.
func (r *Revocations) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.lowest) + len(r.spared)
}
