package consent

import (
	"strconv"
	"strings"
	"time"
)

// Marker is the text of the readable cookie: what the loader needs to know, and
// no id. The marker of a refusal is the same for everybody who refuses the same
// edition on the same day.
type Marker struct {
	Edition EditionKey
	Items   []string // ids of what was granted
	Caps    string   // letters of the telemetry it allows: p page views, e custom events, g engaged time, v vitals
	Expires time.Time
	GPC     bool
	State   State // StateGiven, StateRefused or StateWithdrawn
}

// ReaskMonths is how long a refusal stands before it may be asked again.
const ReaskMonths = 6

// MarkerOf is the marker of a verdict on an edition.
func MarkerOf(v Verdict, e *Edition, now time.Time) Marker {
	if v.State.Permits() {
		d := v.Decision
		return Marker{
			Edition: d.edition, Items: e.IDs(d.items), Caps: caps(e.Permits(d.items).Fields),
			Expires: d.expires, GPC: d.gpc, State: StateGiven,
		}
	}
	day := now.UTC().Truncate(24 * time.Hour)
	return Marker{Edition: e.Key(), Expires: day.AddDate(0, ReaskMonths, 0), State: v.State}
}

func caps(f Fields) string {
	var b strings.Builder
	if f.Has(FieldPage) {
		b.WriteByte('p')
	}
	if f.Has(FieldEvents) {
		b.WriteByte('e')
	}
	if f.Has(FieldPage) && f.Has(FieldSession) && f.Has(FieldEngagement) {
		b.WriteByte('g')
	}
	if f.Has(FieldPage) && f.Has(FieldVitals) {
		b.WriteByte('v')
	}
	return b.String()
}

const markerVersion = "1"

// String is the value of the cookie:
// version.edition.items.caps.expiry in days since 1970.gpc.state
func (m Marker) String() string {
	gpc, state := "0", "g"
	if m.GPC {
		gpc = "1"
	}
	switch m.State {
	case StateRefused:
		state = "r"
	case StateWithdrawn:
		state = "w"
	}
	return strings.Join([]string{
		markerVersion, m.Edition.String(), strings.Join(m.Items, "+"), m.Caps,
		strconv.FormatInt(m.Expires.Unix()/86400, 10), gpc, state,
	}, ".")
}

// ParseMarker reads the cookie. It is a hint from the browser: nothing is ever
// permitted because of it.
func ParseMarker(s string) (Marker, bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 7 || parts[0] != markerVersion || len(s) > 1024 {
		return Marker{}, false
	}
	key, ok := ParseEditionKey(parts[1])
	days, err := strconv.ParseInt(parts[4], 10, 32)
	states := map[string]State{"g": StateGiven, "r": StateRefused, "w": StateWithdrawn}
	state := states[parts[6]]
	if !ok || err != nil || days < 0 || state == "" {
		return Marker{}, false
	}
	m := Marker{Edition: key, Caps: parts[3], Expires: time.Unix(days*86400, 0).UTC(), GPC: parts[5] == "1", State: state}
	if parts[2] != "" {
		m.Items = strings.Split(parts[2], "+")
	}
	return m, true
}
