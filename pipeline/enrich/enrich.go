// Package enrich derives facts from what a request carries anyway: the client
// address, the User-Agent and the referrer. It works in memory only; the address
// and the User-Agent go no further than the minimise stage.
package enrich

import (
	"errors"
	"log/slog"
	"net/netip"

	"kelisim/consent"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

// Client is who sent a request. It prints and logs as "[redacted]", so that an
// address cannot leave the process by accident.
type Client struct {
	Address netip.Addr
	Headers Headers
}

// Headers is what a request says about the program that sent it: the User-Agent
// and the client hints that browsers send without being asked.
type Headers struct {
	UserAgent string
	Brands    string // Sec-CH-UA
	Mobile    string // Sec-CH-UA-Mobile
	Platform  string // Sec-CH-UA-Platform
}

const redacted = "[redacted]"

// String hides the client.
func (Client) String() string { return redacted }

// GoString hides the client.
func (Client) GoString() string { return redacted }

// LogValue hides the client.
func (Client) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the client.
func (Client) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Place is where an address is; what is not known is empty.
type Place struct {
	Country string // ISO 3166-1 alpha-2
	Region  string // ISO 3166-2
	City    string
}

// Places finds the place of an address. It must not block.
type Places interface {
	Place(netip.Addr) Place
}

// Source is where a visit came from.
type Source struct {
	Name    string // of a known site or application, else its host
	Channel string // search, social, email, paid, assistant, referral, campaign or direct
	Click   string // whose click id the page was opened with; never the id
}

// Sources recognises where a visit came from.
type Sources interface {
	Source(referrer, page string) Source
}

// Agent is what the headers say.
type Agent struct {
	Browser string // family; "" when it is not known
	Version string // major version
	OS      string // family
	Device  string // desktop, mobile, tablet or ""

	// Bot is None for a browser that a person uses; else one of the outcomes
	// whose reason is bot.
	Bot outcome.Outcome
}

// Agents recognises browsers. It is safe for concurrent use.
type Agents interface {
	Recognise(Headers) Agent
}

// Facts is what was derived, and the address for the next stage to cut. Its
// zero value is refused by the minimise stage.
type Facts struct {
	derived bool
	address netip.Addr
	place   Place
	agent   Agent
	source  Source
}

// IsZero reports whether nothing was ever derived.
func (f Facts) IsZero() bool { return !f.derived }

// Address is the full address, for the minimise stage alone; the zero Addr where
// the decision permits no address.
func (f Facts) Address() netip.Addr { return f.address }

// Place is the place of the address.
func (f Facts) Place() Place { return f.place }

// Agent is what the headers say.
func (f Facts) Agent() Agent { return f.agent }

// Source is where the visit came from.
func (f Facts) Source() Source { return f.source }

// LogValue keeps facts out of logs.
func (f Facts) LogValue() slog.Value { return slog.StringValue(redacted) }

// Options of an enricher.
type Options struct {
	Agents  Agents
	Places  Places  // nil: no place is derived
	Sources Sources // nil: no source is derived
}

// Enricher derives facts. It is safe for concurrent use.
type Enricher struct{ o Options }

// New makes an enricher.
func New(o Options) (*Enricher, error) {
	if o.Agents == nil {
		return nil, errors.New("enrich: a recogniser of browsers is needed")
	}
	return &Enricher{o: o}, nil
}

// Facts derives what the event's permission allows. A crawler's event ends here.
func (e *Enricher) Facts(p gate.Permitted, c Client) (Facts, outcome.Outcome) {
	if p.IsZero() { // guard: event admitted
		return Facts{}, outcome.NothingGranted
	}
	f := Facts{derived: true, agent: e.o.Agents.Recognise(c.Headers)}
	if f.agent.Bot != outcome.None { // guard: a person's browser
		return Facts{}, f.agent.Bot
	}
	fields := p.Permission().Fields
	f.place, f.source, f.address = e.place(fields, c.Address), e.source(fields, p.Event()), c.Address
	if !fields.Has(consent.FieldAddress) { // guard: address granted
		f.address = netip.Addr{}
	}
	return f, outcome.None
}

// place looks an address up where a field is granted that needs it.
func (e *Enricher) place(fields consent.Fields, a netip.Addr) Place {
	needs := consent.FieldsOf(consent.FieldCountry, consent.FieldRegion, consent.FieldCity)
	if e.o.Places == nil || fields.Minus(needs) == fields {
		return Place{}
	}
	return e.o.Places.Place(a)
}

// source says where a page view came from, where a field is granted that needs it.
func (e *Enricher) source(fields consent.Fields, event validate.Raw) Source {
	needs := consent.FieldsOf(consent.FieldReferrer, consent.FieldCampaign)
	if e.o.Sources == nil || fields.Minus(needs) == fields || event.Name != validate.Pageview {
		return Source{}
	}
	return e.o.Sources.Source(event.Referrer, event.URL)
}
