// Package validate is the first stage: it looks at the shape and the size of an
// event and at nothing it says about a person.
package validate

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"kelisim/pipeline/outcome"
)

// Limits of one event. They bound memory and leave room for any honest browser.
const (
	MaxURL       = 2048 // bytes
	MaxName      = 40   // bytes
	MaxProps     = 20
	MaxPropName  = 40  // bytes
	MaxPropValue = 200 // bytes
	MaxAgo       = 24 * time.Hour
	MaxEngaged   = 24 * time.Hour
	MaxSession   = 24 * time.Hour  // a session older than this is refused
	maxMeasure   = 16              // bytes of a number in Vitals
	maxMillis    = 3_600_000       // the largest of them
	sessionSkew  = 5 * time.Minute // a session may seem to begin this much in the future
)

// Names of the events that need no declaration.
const (
	Pageview   = "pageview"
	Engagement = "engagement"
	Vitals     = "vitals"
)

// vitals are the properties that an event Vitals may have: the field's names for
// loading and response times in milliseconds, and for layout shift.
var vitals = [...]string{"lcp", "inp", "cls", "ttfb", "fcp"}

// Measures lists the properties of Vitals.
func Measures() []string { return vitals[:] }

// Session is the visit an event belongs to, minted by the browser.
type Session struct {
	ID  [16]byte
	Age time.Duration // by the browser's own clock, so that a wrong clock does no harm
}

// Raw is an event as it was decoded: owned values, nothing believed.
type Raw struct {
	Seq      uint32
	Name     string
	URL      string
	Referrer string
	Ago      time.Duration // how long before sending it happened; a hint
	Engaged  time.Duration // for Engagement: engaged time so far
	Props    map[string]string
}

// Event is a well-formed event that nothing has licensed yet. Its zero value is
// refused by the gate.
type Event struct {
	raw     Raw
	session Session
	at      time.Time
}

// IsZero reports whether the event was never validated.
func (e Event) IsZero() bool { return e.at.IsZero() }

// Raw is what was sent.
func (e Event) Raw() Raw { return e.raw }

// Session is the visit it belongs to.
func (e Event) Session() Session { return e.session }

// At is when it happened, by the server's clock.
func (e Event) At() time.Time { return e.at }

// Of validates one event that was received at an instant of the server's clock.
func Of(raw Raw, s Session, received time.Time) (Event, outcome.Outcome) {
	switch {
	case s.ID == [16]byte{}:
		return Event{}, outcome.Malformed
	case s.Age > MaxSession, s.Age < -sessionSkew:
		return Event{}, outcome.OldSession
	case raw.Seq == 0, !validName(raw.Name), !validText(raw.Referrer, MaxURL), !validText(raw.URL, MaxURL):
		return Event{}, outcome.Malformed
	case raw.Name == Engagement:
		if raw.Engaged <= 0 || raw.Engaged > MaxEngaged || raw.URL != "" || raw.Referrer != "" || len(raw.Props) > 0 {
			return Event{}, outcome.Malformed
		}
	case raw.Name == Vitals:
		if raw.Engaged != 0 || raw.URL != "" || raw.Referrer != "" || !validMeasures(raw.Props) {
			return Event{}, outcome.Malformed
		}
	case raw.Engaged != 0, raw.URL == "", !validProps(raw.Props):
		return Event{}, outcome.Malformed
	case raw.Name == Pageview && len(raw.Props) > 0:
		return Event{}, outcome.Malformed
	case !strings.HasPrefix(raw.URL, "https://") && !strings.HasPrefix(raw.URL, "http://"):
		return Event{}, outcome.Malformed
	}
	ago := min(max(raw.Ago, 0), MaxAgo)
	return Event{raw: raw, session: s, at: received.Add(-ago)}, outcome.None
}

func validName(name string) bool {
	if len(name) == 0 || len(name) > MaxName || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// validText refuses control characters, which no honest browser sends.
func validText(s string, limit int) bool {
	if len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// validMeasures checks the values of Vitals: numbers of a size that a page can
// have.
func validMeasures(props map[string]string) bool {
	for name, value := range props {
		n, err := strconv.ParseFloat(value, 64)
		if !slices.Contains(vitals[:], name) || len(value) > maxMeasure || err != nil || !(n >= 0 && n <= maxMillis) {
			return false
		}
	}
	return len(props) > 0
}

func validProps(props map[string]string) bool {
	if len(props) > MaxProps {
		return false
	}
	for name, value := range props {
		if len(name) == 0 || len(name) > MaxPropName || !validText(name, MaxPropName) || !validText(value, MaxPropValue) {
			return false
		}
	}
	return true
}
