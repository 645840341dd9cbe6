// Package outcome is the closed list of what can become of an event. Every
// event that reaches the collector ends in exactly one outcome, counted when it
// is final.
package outcome

import "fmt"

// Outcome is what became of one event. The zero value, None, means that nothing
// is decided yet; an event may pass to the next stage only with None.
type Outcome uint8

// The outcomes. Everything but Stored is a drop, and its name is the reason
// that the wire, the counters and the dashboard use.
const (
	None      Outcome = iota
	Stored            // a row stands in the events table
	NoConsent         // no token came with it, or it happened before the decision
	BadToken          // the token is forged, cut, foreign or from the future
	Expired           // the consent or the row's own term is over
	Withdrawn         // the consent was withdrawn or changed since
	Purpose           // the decision does not permit this kind of event
	Edition           // the decision was made under an edition that no longer holds
	Bot               // a crawler or a monitor sent it
	Invalid           // it is malformed, or not declared in the policy
	Origin            // it came from another site
	Rate              // it came too fast
	Duplicate         // it is a repeat of an event that is already taken
	Full              // the queue or the disk is full
	count
)

var names = [count]string{
	"none", "stored", "no_consent", "bad_token", "expired", "withdrawn", "purpose",
	"edition", "bot", "invalid", "origin", "rate", "duplicate", "full",
}

// String is the name on the wire and in the database.
func (o Outcome) String() string {
	if o >= count {
		return fmt.Sprintf("outcome(%d)", uint8(o))
	}
	return names[o]
}

// Parse finds an outcome by its name; None is not one.
func Parse(name string) (Outcome, bool) {
	for i := Stored; i < count; i++ {
		if names[i] == name {
			return i, true
		}
	}
	return None, false
}

// All lists every outcome but None.
func All() []Outcome {
	all := make([]Outcome, 0, count-1)
	for o := Stored; o < count; o++ {
		all = append(all, o)
	}
	return all
}

// Tally counts events by outcome. The zero value is empty and ready.
type Tally [count]uint32

// Add counts n events.
func (t *Tally) Add(o Outcome, n uint32) { t[o] += n }

// Merge adds another tally.
func (t *Tally) Merge(other Tally) {
	for i, n := range other {
		t[i] += n
	}
}

// Total counts all events.
func (t Tally) Total() uint32 {
	var sum uint32
	for _, n := range t {
		sum += n
	}
	return sum
}

// Drops is what was dropped, by the name of the reason; empty reasons are left out.
func (t Tally) Drops() map[string]uint32 {
	drops := map[string]uint32{}
	for o := NoConsent; o < count; o++ {
		if t[o] > 0 {
			drops[o.String()] = t[o]
		}
	}
	return drops
}
