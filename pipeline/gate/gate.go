// Package gate lets pass what a person's decision permits, and nothing else. It
// is the only place where a token turns into a permission, and it fails closed:
// whatever is missing, unreadable or in doubt permits nothing.
package gate

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

// Editions finds the edition a decision was made under, if it still holds.
type Editions interface {
	Holding(site string, key consent.EditionKey) (*consent.Edition, bool)
}

// Gate checks tokens and events. It is safe for concurrent use.
type Gate struct {
	keys     *consent.Keyring
	editions Editions
	revoked  *consent.Revocations
}

// New makes a gate. All three parts are needed.
func New(keys *consent.Keyring, editions Editions, revoked *consent.Revocations) (*Gate, error) {
	if keys == nil || editions == nil || revoked == nil {
		return nil, errors.New("gate: keys, editions and revocations are all needed")
	}
	return &Gate{keys: keys, editions: editions, revoked: revoked}, nil
}

// Pass is what one verified token permits on one site. Its zero value admits
// nothing.
type Pass struct {
	decision   consent.Decision
	edition    *consent.Edition
	permission consent.Permission
}

// Decision is the decision behind the pass.
func (p Pass) Decision() consent.Decision { return p.decision }

// Open verifies a token for a site. Anything but None means that none of the
// request's events may pass, and why. signal is a Global Privacy Control signal
// that came with the request: it takes away what the policy lowers under it,
// unless the person chose otherwise in spite of it.
func (g *Gate) Open(site, token string, signal bool, now time.Time) (Pass, outcome.Outcome) {
	if token == "" { // guard: token present
		return Pass{}, outcome.NoToken
	}
	d, err := g.keys.Verify(token, now)
	if err != nil { // guard: token proven
		return Pass{}, refusal(err)
	}
	if d.Site() != site { // guard: own site
		return Pass{}, outcome.TokenOtherSite
	}
	if o := g.standing(d); o != outcome.None { // guard: not revoked
		return Pass{}, o
	}
	e, holds := g.editions.Holding(site, d.Edition())
	if !holds { // guard: edition holds
		return Pass{}, outcome.Superseded
	}
	granted := d.Items()
	if signal && !d.GPC() { // guard: privacy signal
		granted = e.Lowered(granted)
	}
	p := e.Permits(granted)
	if p.Fields == 0 { // guard: anything granted
		return Pass{}, nothing(e, d)
	}
	return Pass{decision: d, edition: e, permission: p}, outcome.None
}

// refusal is the outcome for a token that did not verify.
func refusal(err error) outcome.Outcome {
	for _, r := range [...]struct {
		err error
		is  outcome.Outcome
	}{
		{consent.ErrExpired, outcome.ConsentExpired}, {consent.ErrForged, outcome.TokenForged},
		{consent.ErrForeign, outcome.TokenForeign}, {consent.ErrFuture, outcome.TokenFuture},
		{consent.ErrOverlong, outcome.TokenOverlong},
	} {
		if errors.Is(err, r.err) {
			return r.is
		}
	}
	return outcome.TokenGarbled
}

// standing says whether a newer decision stands in the way.
func (g *Gate) standing(d consent.Decision) outcome.Outcome {
	switch g.revoked.Standing(d.ID(), d.Number()) {
	case consent.Stands:
		return outcome.None
	case consent.Changed:
		return outcome.Changed
	case consent.Narrowed:
		return outcome.Narrowed
	}
	return outcome.Withdrawn
}

// nothing says why nothing is licensed: the person granted no telemetry, or a
// privacy signal takes it away.
func nothing(e *consent.Edition, d consent.Decision) outcome.Outcome {
	if e.Permits(d.Items()).Fields != 0 {
		return outcome.Signalled
	}
	return outcome.NothingGranted
}

// Permitted is an event that a decision licenses, with what the decision does
// not license already gone from it. Its zero value is refused by every later
// stage.
type Permitted struct {
	event      validate.Raw
	session    [16]byte
	at         time.Time
	decision   consent.Decision
	permission consent.Permission
}

// IsZero reports whether the event was never admitted.
func (p Permitted) IsZero() bool { return p.decision.IsZero() || p.permission.Fields == 0 }

// Event is what is left of what was sent.
func (p Permitted) Event() validate.Raw { return p.event }

// Session is the session id; zero where the decision does not permit it.
func (p Permitted) Session() [16]byte { return p.session }

// At is when the event happened, by the server's clock.
func (p Permitted) At() time.Time { return p.at }

// Decision is the decision that licenses the event.
func (p Permitted) Decision() consent.Decision { return p.decision }

// Permission is what the decision licenses.
func (p Permitted) Permission() consent.Permission { return p.permission }

// LogValue keeps events out of logs.
func (p Permitted) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Admit checks one event against the pass. The decision must have been in force
// when the event happened.
func (p Pass) Admit(e validate.Event) (Permitted, outcome.Outcome) {
	if e.IsZero() { // guard: event validated
		return Permitted{}, outcome.Malformed
	}
	if p.decision.IsZero() || p.permission.Fields == 0 { // guard: pass opened
		return Permitted{}, outcome.NothingGranted
	}
	if e.At().Before(p.decision.Issued()) { // guard: not before the decision
		return Permitted{}, outcome.BeforeDecision
	}
	if !e.At().Before(p.decision.Expires()) { // guard: not after the term
		return Permitted{}, outcome.ConsentExpired
	}
	raw := e.Raw()
	props, known := p.declared(raw)
	if !known { // guard: event declared
		return Permitted{}, outcome.Undeclared
	}
	if strange(raw.Props, props) { // guard: properties declared
		return Permitted{}, outcome.Undeclared
	}
	if needs(raw.Name).Minus(p.permission.Fields) != 0 { // guard: kind granted
		return Permitted{}, outcome.NotGranted
	}
	out := Permitted{event: raw, at: e.At(), session: e.Session().ID, decision: p.decision, permission: p.permission}
	out.strip()
	return out, outcome.None
}

// strip takes away what the decision does not license.
func (p *Permitted) strip() {
	fields := p.permission.Fields
	if !fields.Has(consent.FieldSession) { // guard: session granted
		p.session = [16]byte{}
	}
	if !fields.Has(consent.FieldCampaign) { // guard: campaign granted
		p.event.URL, _, _ = strings.Cut(p.event.URL, "?")
	}
	if !fields.Has(consent.FieldPage) && !fields.Has(consent.FieldCampaign) { // guard: page granted
		p.event.URL = ""
	}
	if !fields.Has(consent.FieldReferrer) { // guard: referrer granted
		p.event.Referrer = ""
	}
}

// needs says what an event of a name is not worth a row without: a page view is
// its page, and what belongs to a page view means nothing without it.
func needs(name string) consent.Fields {
	switch name {
	case validate.Pageview:
		return consent.FieldsOf(consent.FieldPage)
	case validate.Engagement:
		return consent.FieldsOf(consent.FieldEngagement, consent.FieldSession, consent.FieldPage)
	case validate.Vitals:
		return consent.FieldsOf(consent.FieldVitals, consent.FieldPage)
	}
	return consent.FieldsOf(consent.FieldEvents)
}

// declared lists the properties that an event may have; false means that there
// is no such event.
func (p Pass) declared(raw validate.Raw) (props []string, known bool) {
	switch raw.Name {
	case validate.Pageview, validate.Engagement:
		return nil, true
	case validate.Vitals:
		return validate.Measures(), true
	}
	return p.edition.Event(raw.Name)
}

// strange reports a property that was not declared.
func strange(given map[string]string, declared []string) bool {
	for name := range given {
		if !slices.Contains(declared, name) {
			return true
		}
	}
	return false
}
