// Package minimise cuts what was collected down to what may be kept. After it
// there is no full address, no User-Agent, no query string and no fragment
// anywhere: the type that leaves it has no room for them.
package minimise

import (
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
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
	Country        string
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

// Reduce keeps of an event and its facts what the decision permits. A row whose
// own term is over at birth is Expired.
func Reduce(p gate.Permitted, f enrich.Facts, now time.Time) (Reduced, outcome.Outcome) {
	if p.IsZero() || f.IsZero() {
		return Reduced{}, outcome.NoConsent
	}
	d, permission, event := p.Decision(), p.Permission(), p.Event()
	fields := permission.Fields
	v := Values{
		Site: d.Site(), Time: p.At().UTC().Truncate(time.Millisecond), Name: event.Name,
		ConsentID: d.ID(), Number: d.Number(), Seq: event.Seq,
		Visitor: fields.Has(consent.FieldVisitor),
		Expires: consent.RowExpiry(p.At(), permission.Days, d.Expires()),
	}
	if !now.Before(v.Expires) {
		return Reduced{}, outcome.Expired
	}
	if fields.Has(consent.FieldSession) {
		v.Session = p.Session()
	}
	v.page(event, fields)
	v.client(f, fields)
	if fields.Has(consent.FieldAddress) {
		v.NetworkExpires = consent.RowExpiry(p.At(), permission.AddressDays, d.Expires())
		if now.Before(v.NetworkExpires) {
			v.Network = Network(f.Address())
		}
	}
	return Reduced{v: v}, outcome.None
}

// page keeps where the event happened.
func (v *Values) page(event validate.Raw, fields consent.Fields) {
	u, err := url.Parse(event.URL)
	if err == nil && event.URL != "" {
		if fields.Has(consent.FieldPage) {
			v.Path = path(u)
		}
		if fields.Has(consent.FieldCampaign) {
			q := u.Query()
			v.UTMSource, v.UTMMedium, v.UTMCampaign = tag(q, "utm_source"), tag(q, "utm_medium"), tag(q, "utm_campaign")
		}
	}
	if fields.Has(consent.FieldReferrer) {
		v.Referrer = Host(event.Referrer)
		if u != nil && v.Referrer == strings.ToLower(u.Hostname()) {
			v.Referrer = "" // from one page of the site to the next
		}
	}
	if fields.Has(consent.FieldEvents) && event.Name != validate.Pageview && event.Name != validate.Engagement {
		v.Props = maps.Clone(event.Props)
	}
	if fields.Has(consent.FieldEngagement) {
		v.Engaged = event.Engaged.Truncate(time.Millisecond)
	}
}

// client keeps what is known of the browser and the country.
func (v *Values) client(f enrich.Facts, fields consent.Fields) {
	if v.Name == validate.Engagement {
		return // the page view it belongs to has them already
	}
	agent := f.Agent()
	if fields.Has(consent.FieldBrowser) {
		v.Browser, v.BrowserVersion = agent.Browser, agent.Version
	}
	if fields.Has(consent.FieldOS) {
		v.OS = agent.OS
	}
	if fields.Has(consent.FieldDevice) {
		v.Device = agent.Device
	}
	if fields.Has(consent.FieldCountry) {
		v.Country = f.Country()
	}
}

const (
	maxPath = 512 // bytes
	maxTag  = 64  // bytes
	maxHost = 253 // bytes
)

// path is the path of a page as the browser names it, percent-encoded, without
// query and fragment; also without one that a broken link carries with its mark
// encoded.
func path(u *url.URL) string {
	p := u.EscapedPath()
	for _, mark := range []string{"%3F", "%3f", "%23"} {
		p, _, _ = strings.Cut(p, mark)
	}
	if p == "" {
		return "/"
	}
	if len(p) > maxPath {
		p = p[:maxPath]
		if i := strings.LastIndexByte(p, '%'); i > maxPath-3 {
			p = p[:i]
		}
	}
	return p
}

// tag is the value of one allow-listed campaign key. What is too long or holds
// anything but letters, digits and a few signs is left out whole.
func tag(q url.Values, key string) string {
	s := q.Get(key)
	if len(s) > maxTag {
		return ""
	}
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0x400 && c < 0x530:
		case strings.ContainsRune("-_.+ ", c):
		default:
			return ""
		}
	}
	return s
}

// Host is the host of a referrer in lower case, or "" when it is no web address.
func Host(referrer string) string {
	u, err := url.Parse(referrer)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	h := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if h == "" || len(h) > maxHost || strings.Trim(h, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return ""
	}
	if _, err := netip.ParseAddr(h); err == nil {
		return "" // an address, which could be a person's
	}
	return h
}
