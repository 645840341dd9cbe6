package consent

import (
	"sync"
	"sync/atomic"
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
	Erased  time.Time // not zero: no decision ends; what was collected up to then must go, for as long as Expires says
}

// whole reports whether nothing of the consent is left.
func (v Revocation) whole() bool { return v.Lowest == NothingValid && !v.Spares }

// Standing is what the revocations say of one decision.
type Standing uint8

// The standings, the later ones the stricter.
const (
	Stands         Standing = iota // nothing is known against the decision
	Changed                        // a newer choice took nothing away: the token is dead, what was accepted under it stays
	Narrowed                       // a newer choice took something away: nothing under this number may be accepted or stored
	WithdrawnWhole                 // the consent is over, whatever the number
)

// Revocations is the set that the gate asks. It is safe for concurrent use: a
// question takes no lock that an addition of a withdrawal holds, and no memory.
//
// Withdrawals of whole consents, nearly all there is, take nine bytes each; see
// withdrawals. The few revocations that leave a number valid stand in a map, and
// so do demands to erase.
type Revocations struct {
	mu      sync.Mutex // held by whoever changes the set
	whole   withdrawals
	demands demands
	changes atomic.Uint64

	numbersMu sync.RWMutex // guards what follows
	numbers   map[ID]numbered
	first     int64 // no entry of numbers is over before
	some      atomic.Bool
}

// numbered is what is known of a consent that goes on.
type numbered struct {
	lowest  uint32 // nothing below is accepted or stored
	spared  uint32 // nothing below is accepted
	expires int64  // seconds since 1970
}

// NewRevocations makes an empty set.
func NewRevocations() *Revocations {
	r := &Revocations{numbers: map[ID]numbered{}}
	r.whole.recent.Store(newRecent(recentLeast))
	return r
}

// Add takes a revocation in. The strictest one known of an id wins, and the
// latest end. What is known already costs nothing.
func (r *Revocations) Add(v Revocation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var changed bool
	if !v.Erased.IsZero() {
		changed = r.demands.add(v)
	} else if v.whole() {
		changed = r.whole.add(keyOf(v.ID), termOf(v.Expires))
	} else {
		changed = r.number(v)
	}
	if changed {
		r.changes.Add(1)
	}
}

// number takes in a revocation that leaves a number valid.
func (r *Revocations) number(v Revocation) bool {
	r.numbersMu.Lock()
	defer r.numbersMu.Unlock()
	old, known := r.numbers[v.ID]
	n := old
	if v.Spares {
		n.spared = max(n.spared, v.Lowest)
	} else {
		n.lowest = max(n.lowest, v.Lowest)
	}
	n.expires = max(n.expires, secondsOf(v.Expires))
	if known && n == old {
		return false
	}
	if len(r.numbers) == 0 || n.expires < r.first {
		r.first = n.expires
	}
	r.numbers[v.ID] = n
	r.some.Store(true)
	return true
}

// secondsOf rounds up, so that nothing ends too early; a moment before 1970 has
// ended anyway.
func secondsOf(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return max(s, 0)
}

// Standing is what is known against a decision of that number.
func (r *Revocations) Standing(id ID, number uint32) Standing {
	if r.whole.has(keyOf(id)) {
		return WithdrawnWhole
	}
	if !r.some.Load() {
		return Stands
	}
	r.numbersMu.RLock()
	n := r.numbers[id]
	r.numbersMu.RUnlock()
	switch {
	case number < n.lowest:
		return Narrowed
	case number < n.spared:
		return Changed
	}
	return Stands
}

// Covers reports whether a decision of that number is dead: nothing more is
// accepted under it.
func (r *Revocations) Covers(id ID, number uint32) bool { return r.Standing(id, number) != Stands }

// Ends reports whether what was accepted under a decision of that number must
// not be stored any more.
func (r *Revocations) Ends(id ID, number uint32) bool { return r.Standing(id, number) >= Narrowed }

// Forget drops what killed only tokens that are dead by themselves now, and
// demands of which the term is over.
func (r *Revocations) Forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := r.whole.forget(now)
	changed = r.demands.forget(now.Unix()) || changed
	if r.forgetNumbers(now.Unix()) || changed {
		r.changes.Add(1)
	}
}

func (r *Revocations) forgetNumbers(now int64) bool {
	r.numbersMu.Lock()
	defer r.numbersMu.Unlock()
	if len(r.numbers) == 0 || now < r.first {
		return false
	}
	r.first = 1<<63 - 1
	for id, n := range r.numbers {
		if now >= n.expires {
			delete(r.numbers, id)
			continue
		}
		r.first = min(r.first, n.expires)
	}
	r.some.Store(len(r.numbers) > 0)
	return true
}

// Len counts the consents about which something is known but demands.
func (r *Revocations) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.whole.n + len(r.numbers)
}

// Changes grows whenever the set does not say the same as before.
func (r *Revocations) Changes() uint64 { return r.changes.Load() }
