// Package outcome is the closed list of what can become of an event. Every
// event that reaches the collector ends in exactly one outcome, counted when it
// is final.
package outcome

import "fmt"

// Outcome is what became of one event. The zero value, None, means that nothing
// is decided yet; an event may pass to the next stage only with None.
//
// Each outcome but Stored is a drop with a reason, which the wire speaks of, and
// a detail that tells apart what shares a reason.
type Outcome uint8

// The outcomes.
const (
	None   Outcome = iota
	Stored         // a row stands in the events table

	NoToken        // no token came with it
	BeforeDecision // it happened before the decision was made

	TokenGarbled   // the token is cut, or was never one
	TokenForged    // its signature is not ours
	TokenForeign   // it was signed with a key that is not one of ours
	TokenFuture    // it was issued in the future
	TokenOverlong  // it claims to live longer than any consent can
	TokenOtherSite // it was issued for another site

	ConsentExpired // the term of the consent is over
	RowExpired     // the row's own term is over

	Withdrawn // the consent was withdrawn
	Narrowed  // the choice took something away since
	Changed   // the choice was changed since and took nothing away

	NothingGranted // no granted purpose licenses any telemetry
	Signalled      // only what a privacy signal lowers would license it
	NotGranted     // no granted purpose licenses this kind of event

	Superseded // the decision was made under an edition that no longer holds

	BotCrawler  // a crawler or a monitor, by the lists
	BotTool     // a library or a program, no browser
	BotHeadless // a browser that nobody looks at
	BotHeaders  // headers that contradict each other as no browser's do
	BotNameless // no User-Agent at all

	Malformed  // it is not of the form that the wire takes
	OldSession // its session is older than any session can be
	Undeclared // the policy declares no such event, or no such property

	Foreign   // it came from another site
	TooFast   // it came too fast
	Duplicate // it is a repeat of an event that is already taken
	Full      // the queue or the disk is full

	count
)

// Count is how many outcomes there are, None among them.
const Count = int(count)

// Reason is why an event was dropped, in the words of the wire.
type Reason uint8

// The reasons; the zero Reason is none.
const (
	NoReason Reason = iota
	ReasonNoConsent
	ReasonBadToken
	ReasonExpired
	ReasonWithdrawn
	ReasonPurpose
	ReasonEdition
	ReasonBot
	ReasonInvalid
	ReasonOrigin
	ReasonRate
	ReasonDuplicate
	ReasonFull
	reasons
)

var reasonNames = [reasons]string{
	"", "no_consent", "bad_token", "expired", "withdrawn", "purpose", "edition",
	"bot", "invalid", "origin", "rate", "duplicate", "full",
}

// String is the name on the wire, in the database and on the dashboard.
func (r Reason) String() string {
	if r >= reasons {
		return fmt.Sprintf("reason(%d)", uint8(r))
	}
	return reasonNames[r]
}

var table = [count]struct {
	reason Reason
	detail string
}{
	Stored:         {NoReason, ""},
	NoToken:        {ReasonNoConsent, "no_token"},
	BeforeDecision: {ReasonNoConsent, "before_decision"},
	TokenGarbled:   {ReasonBadToken, "garbled"},
	TokenForged:    {ReasonBadToken, "forged"},
	TokenForeign:   {ReasonBadToken, "foreign_key"},
	TokenFuture:    {ReasonBadToken, "future"},
	TokenOverlong:  {ReasonBadToken, "overlong"},
	TokenOtherSite: {ReasonBadToken, "other_site"},
	ConsentExpired: {ReasonExpired, "consent"},
	RowExpired:     {ReasonExpired, "retention"},
	Withdrawn:      {ReasonWithdrawn, "withdrawn"},
	Narrowed:       {ReasonWithdrawn, "narrowed"},
	Changed:        {ReasonWithdrawn, "changed"},
	NothingGranted: {ReasonPurpose, "nothing_granted"},
	Signalled:      {ReasonPurpose, "privacy_signal"},
	NotGranted:     {ReasonPurpose, "not_granted"},
	Superseded:     {ReasonEdition, "superseded"},
	BotCrawler:     {ReasonBot, "crawler"},
	BotTool:        {ReasonBot, "tool"},
	BotHeadless:    {ReasonBot, "headless"},
	BotHeaders:     {ReasonBot, "headers"},
	BotNameless:    {ReasonBot, "nameless"},
	Malformed:      {ReasonInvalid, "malformed"},
	OldSession:     {ReasonInvalid, "old_session"},
	Undeclared:     {ReasonInvalid, "undeclared"},
	Foreign:        {ReasonOrigin, "foreign"},
	TooFast:        {ReasonRate, "too_fast"},
	Duplicate:      {ReasonDuplicate, "repeat"},
	Full:           {ReasonFull, "full"},
}

// Reason is why the event was dropped; NoReason for None and Stored.
func (o Outcome) Reason() Reason {
	if o >= count {
		return NoReason
	}
	return table[o].reason
}

// Detail tells apart the outcomes of one reason; empty for None and Stored.
func (o Outcome) Detail() string {
	if o >= count {
		return ""
	}
	return table[o].detail
}

// String is "stored", or the reason.
func (o Outcome) String() string {
	switch {
	case o == None:
		return "none"
	case o == Stored:
		return "stored"
	case o >= count:
		return fmt.Sprintf("outcome(%d)", uint8(o))
	}
	return table[o].reason.String()
}

// Parse finds an outcome by its name and its detail; None is not one.
func Parse(name, detail string) (Outcome, bool) {
	for o := Stored; o < count; o++ {
		if o.String() == name && o.Detail() == detail {
			return o, true
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

// Of counts the events that were dropped for a reason.
func (t Tally) Of(r Reason) uint32 {
	var sum uint32
	for o, n := range t {
		if table[o].reason == r && r != NoReason {
			sum += n
		}
	}
	return sum
}

// Reasons counts the events that were dropped, by Reason.
func (t *Tally) Reasons() (sums [reasons]uint32) {
	for o := NoToken; o < count; o++ {
		if n := t[o]; n > 0 {
			sums[table[o].reason] += n
		}
	}
	return sums
}

// Drops is what was dropped, by the name of the reason; empty reasons are left out.
func (t Tally) Drops() map[string]uint32 {
	drops := map[string]uint32{}
	for o := NoToken; o < count; o++ {
		if t[o] > 0 {
			drops[o.String()] += t[o]
		}
	}
	return drops
}
