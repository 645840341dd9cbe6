package audit

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Report is what an audit found.
type Report struct {
	Began     time.Time `json:"began"`
	Took      Seconds   `json:"seconds"`
	Until     time.Time `json:"judged_until"`  // rows from then on are judged only where their decision is on record
	Alive     uint64    `json:"nodes_alive"`   // whose flushes are waited for
	Silent    uint64    `json:"nodes_silent"`  // for so long that what waits in their spools is not known
	Events    uint64    `json:"events"`        // rows at the begin
	Judged    uint64    `json:"events_judged"` // rows
	Young     uint64    `json:"events_young"`  // rows that were not judged
	Addresses uint64    `json:"addresses"`
	Decisions uint64    `json:"decisions"`
	Rules     []Result  `json:"rules"`
}

// Seconds is a duration that JSON shows as a number of seconds.
type Seconds time.Duration

// MarshalJSON writes seconds.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', 3, 64), nil
}

// Result is what became of one rule.
type Result struct {
	Rule
	Count    uint64    `json:"count"` // violations
	Examples []Example `json:"examples,omitempty"`
}

// Example points at one violation. It holds no address, no path and no other
// value of a row.
type Example struct {
	Site      string     `json:"site,omitempty"`
	ConsentID *uuid.UUID `json:"consent_id,omitempty"`
	Number    uint32     `json:"number,omitempty"` // of the decision
	Time      *time.Time `json:"time,omitempty"`   // of the event, or of the decision
	Event     string     `json:"event,omitempty"`
	Columns   []string   `json:"columns,omitempty"`
	Expires   *time.Time `json:"expires_at,omitempty"`
	Edition   string     `json:"edition,omitempty"`
	Table     string     `json:"table,omitempty"` // or view
	Note      string     `json:"note,omitempty"`
}

// String is one line for a person to read.
func (e Example) String() string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	moment := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	add("site", e.Site)
	add("table", e.Table)
	if e.ConsentID != nil {
		add("consent", e.ConsentID.String())
	}
	if e.Number != 0 {
		add("decision", strconv.FormatUint(uint64(e.Number), 10))
	}
	add("event", e.Event)
	add("at", moment(e.Time))
	add("columns", strings.Join(e.Columns, ", "))
	add("expires", moment(e.Expires))
	add("edition", e.Edition)
	if e.Note != "" {
		parts = append(parts, e.Note)
	}
	return strings.Join(parts, ", ")
}

func newReport(now time.Time) *Report {
	r := &Report{Began: now.UTC()}
	for _, rule := range Rules() {
		r.Rules = append(r.Rules, Result{Rule: rule})
	}
	return r
}

// Violated lists the rules that were broken.
func (r *Report) Violated() []Result {
	var out []Result
	for _, rule := range r.Rules {
		if rule.Count > 0 {
			out = append(out, rule)
		}
	}
	return out
}

// found adds violations of a rule.
func (r *run) found(rule string, n uint64, examples ...Example) {
	if n == 0 {
		return
	}
	at := &r.report.Rules[r.places[rule]]
	at.Count += n
	at.Examples = append(at.Examples, examples[:min(len(examples), max(0, r.o.Examples-len(at.Examples)))]...)
}

// room is how many more examples of a rule are wanted.
func (r *run) room(rule string) int {
	return max(0, r.o.Examples-len(r.report.Rules[r.places[rule]].Examples))
}
