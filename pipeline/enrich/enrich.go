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
)

// Client is who sent a request. It prints and logs as "[redacted]", so that an
// address cannot leave the process by accident.
type Client struct {
	Address   netip.Addr
	UserAgent string
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

// Countries finds the country of an address: ISO 3166 alpha-2, or "" when it is
// not known. It must not block.
type Countries interface {
	Country(netip.Addr) string
}

// Agent is what a User-Agent says.
type Agent struct {
	Browser string // family; "" when it is not known
	Version string // major version
	OS      string // family
	Device  string // desktop, mobile, tablet or ""
	Bot     bool   // a crawler, a monitor or a library
}

// Agents recognises User-Agents. It is safe for concurrent use.
type Agents interface {
	Recognise(userAgent string) Agent
}

// Facts is what was derived, and the address for the next stage to cut. Its
// zero value is refused by the minimise stage.
type Facts struct {
	derived bool
	address netip.Addr
	country string
	agent   Agent
}

// IsZero reports whether nothing was ever derived.
func (f Facts) IsZero() bool { return !f.derived }

// Address is the full address, for minimise.Reduce alone; the zero Addr where
// the decision permits no address.
func (f Facts) Address() netip.Addr { return f.address }

// Country is the country of the address.
func (f Facts) Country() string { return f.country }

// Agent is what the User-Agent says.
func (f Facts) Agent() Agent { return f.agent }

// LogValue keeps facts out of logs.
func (f Facts) LogValue() slog.Value { return slog.StringValue(redacted) }

// Enricher derives facts. It is safe for concurrent use.
type Enricher struct {
	countries Countries
	agents    Agents
}

// New makes an enricher; countries may be nil (no country is derived then).
func New(countries Countries, agents Agents) (*Enricher, error) {
	if agents == nil {
		return nil, errors.New("enrich: a recogniser of User-Agents is needed")
	}
	return &Enricher{countries: countries, agents: agents}, nil
}

// Facts derives what the event's permission allows. A crawler's event ends here.
func (e *Enricher) Facts(p gate.Permitted, c Client) (Facts, outcome.Outcome) {
	if p.IsZero() {
		return Facts{}, outcome.NoConsent
	}
	agent := e.agents.Recognise(c.UserAgent)
	if agent.Bot {
		return Facts{}, outcome.Bot
	}
	fields := p.Permission().Fields
	f := Facts{derived: true, agent: agent}
	if fields.Has(consent.FieldCountry) && e.countries != nil {
		f.country = e.countries.Country(c.Address)
	}
	if fields.Has(consent.FieldAddress) {
		f.address = c.Address
	}
	return f, outcome.None
}
