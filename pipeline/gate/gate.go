// Package gate lets pass what a person's decision permits, and nothing else. It
// is the only place where a token turns into a permission, and it fails closed:
// whatever is missing, unreadable or in doubt permits nothing.
package gate

import (
	"errors"
	"log/slog"
	"slices"
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
// request's events may pass, for that reason.
func (g *Gate) Open(site, token string, now time.Time) (Pass, outcome.Outcome) {
	if token == "" {
		return Pass{}, outcome.NoConsent
	}
	d, err := g.keys.Verify(token, now)
	switch {
	case errors.Is(err, consent.ErrExpired):
		return Pass{}, outcome.Expired
	case err != nil, d.Site() != site:
		return Pass{}, outcome.BadToken
	case g.revoked.Covers(d.ID(), d.Number()):
		return Pass{}, outcome.Withdrawn
	}
	e, holds := g.editions.Holding(site, d.Edition())
	if !holds {
		return Pass{}, outcome.Edition
	}
	p := e.Permits(d.Items())
	if p.Fields == 0 {
		return Pass{}, outcome.Purpose
	}
	return Pass{decision: d, edition: e, permission: p}, outcome.None
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
	if e.IsZero() {
		return Permitted{}, outcome.Invalid
	}
	fields, raw := p.permission.Fields, e.Raw()
	switch {
	case p.decision.IsZero() || fields == 0:
		return Permitted{}, outcome.NoConsent
	case e.At().Before(p.decision.Issued()):
		return Permitted{}, outcome.NoConsent
	case !p.decision.InForce(e.At()):
		return Permitted{}, outcome.Expired
	}
	if o := p.kind(raw); o != outcome.None {
		return Permitted{}, o
	}
	out := Permitted{event: raw, at: e.At(), decision: p.decision, permission: p.permission}
	if fields.Has(consent.FieldSession) {
		out.session = e.Session().ID
	}
	if !fields.Has(consent.FieldPage) && !fields.Has(consent.FieldCampaign) {
		out.event.URL = ""
	}
	if !fields.Has(consent.FieldReferrer) {
		out.event.Referrer = ""
	}
	return out, outcome.None
}

// kind checks that the decision permits this kind of event, and that the policy
// declares it.
func (p Pass) kind(raw validate.Raw) outcome.Outcome {
	fields := p.permission.Fields
	switch raw.Name {
	case validate.Pageview:
		if !fields.Has(consent.FieldPage) {
			return outcome.Purpose
		}
		return outcome.None
	case validate.Engagement:
		// Engaged time means nothing without the page view it belongs to.
		if !fields.Has(consent.FieldEngagement) || !fields.Has(consent.FieldSession) || !fields.Has(consent.FieldPage) {
			return outcome.Purpose
		}
		return outcome.None
	}
	declared, ok := p.edition.Event(raw.Name)
	if !ok {
		return outcome.Invalid
	}
	for name := range raw.Props {
		if !slices.Contains(declared, name) {
			return outcome.Invalid
		}
	}
	if !fields.Has(consent.FieldEvents) {
		return outcome.Purpose
	}
	return outcome.None
}
