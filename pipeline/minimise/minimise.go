// Package minimise cuts what was collected down to what may be kept. After it
// there is no full address, no User-Agent, no query string and no fragment
// anywhere: the type that leaves it has no room for them.
package minimise

import (
	"log/slog"
	"net/netip"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/source"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/outcome"
)

// Values is what may be kept of one event, each field empty where no granted
// purpose permits it.
type Values struct {
	Site           string
	Time           time.Time // by the server's clock, to the millisecond
	Name           string
	ConsentID      consent.ID
	Number         uint32   // number of the decision that licenses the row
	Session        [16]byte // zero where it is not permitted
	Seq            uint32
	Visitor        bool // the consent id may count as a visitor
	Path           string
	Referrer       string // host only
	UTMSource      string
	UTMMedium      string
	UTMCampaign    string
	UTMContent     string
	UTMTerm        string
	Click          string // whose click id the page was opened with
	Source         string // name of what the visit came from
	Channel        string // kind of it
	Country        string
	Region         string
	City           string
	Browser        string
	BrowserVersion string
	OS             string
	Device         string
	Network        netip.Prefix
	Props          map[string]string
	Engaged        time.Duration // of an engagement event
	Expires        time.Time     // 00:00 UTC; the row must be gone by then
	NetworkExpires time.Time     // the same for Network
}

// Reduced is an event cut down to what may be kept. Its zero value is refused
// by the batch stage.
type Reduced struct{ v Values }

// IsZero reports whether nothing was ever reduced.
func (r Reduced) IsZero() bool { return r.v.ConsentID.IsZero() }

// Values is a copy of what may be kept.
func (r Reduced) Values() Values { return r.v }

// LogValue keeps events out of logs.
func (r Reduced) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Options of a minimiser.
type Options struct {
	Networks Networks // how much of an address may be kept
}

// Minimiser cuts events down. It is safe for concurrent use.
type Minimiser struct{ o Options }

// New makes a minimiser.
func New(o Options) *Minimiser { return &Minimiser{o: o} }

// Reduce keeps of an event and its facts what the decision permits. A row whose
// own term is over at birth is RowExpired.
func (m *Minimiser) Reduce(p gate.Permitted, f enrich.Facts, now time.Time) (r Reduced, _ outcome.Outcome) {
	if p.IsZero() || f.IsZero() { // guard: facts derived
		return Reduced{}, outcome.NothingGranted
	}
	d, permission, event := p.Decision(), p.Permission(), p.Event()
	v := &r.v
	*v = Values{
		Site: d.Site(), Time: p.At().UTC().Truncate(time.Millisecond), Name: event.Name,
		ConsentID: d.ID(), Number: d.Number(), Seq: event.Seq,
		Expires: consent.RowExpiry(p.At(), permission.Days, d.Expires()),
	}
	if !now.Before(v.Expires) { // guard: row's own term
		return Reduced{}, outcome.RowExpired
	}
	from := origin{
		event: event, facts: f, session: p.Session(), networks: m.o.Networks,
		networkExpires: consent.RowExpiry(p.At(), permission.AddressDays, d.Expires()), now: now,
	}
	from.host, from.path, from.query = split(event.URL)
	of := kindOf(event.Name)
	for _, k := range kept {
		if !permission.Fields.Has(k.field) { // guard: field granted
			continue
		}
		if k.of&of == 0 { // guard: kept once a page view
			continue
		}
		v.fill(k.field, &from)
	}
	return r, outcome.None
}

const maxHost = 253 // bytes

// Host is the host of a referrer in lower case, or "" where it is no web address
// or its host is nothing that the public may know: an address, a number, a machine
// in somebody's own network.
func Host(referrer string) string {
	h := hostOf(referrer)
	if h == "" || len(h) > maxHost || !source.Public(h) {
		return ""
	}
	return h
}
