package collector

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/banner"
	"kelisim/collector/limit"
	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/pipeline/spool"
	"kelisim/storage/journal"
)

// consentAnswer is the body of an answer about a consent.
type consentAnswer struct {
	State     consent.State `json:"state"`
	ID        string        `json:"id,omitempty"`
	Purposes  []string      `json:"purposes"`
	ExpiresAt string        `json:"expires_at,omitempty"`

	// In mode cross-origin, what the browser keeps instead of our cookies.
	Token  string `json:"token,omitempty"`
	Marker string `json:"marker,omitempty"`
	MaxAge int    `json:"max_age,omitempty"` // how long, in seconds
}

// postConsent takes a decision: durable first, then acknowledged.
func (s *Server) postConsent(c *fiber.Ctx) error {
	wait := s.wait(c, limit.Decisions)
	if site, ok := s.site(c.Query("site")); ok && site.mode == policy.ModeCrossOrigin {
		return s.question(c, site, wait)
	}
	call, f := decodeConsent(c.BodyRaw())
	if f != nil {
		return s.orTooFast(c, wait, f)
	}
	site, ok := s.site(call.Site)
	if !ok {
		return s.orTooFast(c, wait, unknownSite)
	}
	from := callerOf(c)
	site.grant(c, from)
	if !from.fromScript(site) {
		return s.orTooFast(c, wait, foreignOrigin)
	}
	names := site.cookiesFor(c)
	token := names.read(c, names.token)
	if site.mode == policy.ModeCrossOrigin {
		token = call.Token
	}
	if wait > 0 && !s.ends(site, call.Action, token) {
		return s.tooFast(c, wait)
	}
	signal := call.GPC || gpc(c)
	a, f := s.replays.do(site.id, call.Key, c.BodyRaw(), func() (answer, *fault) {
		return s.decide(c.UserContext(), site, call, token, signal)
	})
	if f != nil {
		return fail(c, f)
	}
	names.answer(c, a)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSONCharsetUTF8)
	return c.Status(a.status).Send(a.body)
}

// answer sets the cookies that go with an answer.
func (n cookieNames) answer(c *fiber.Ctx, a answer) {
	n.write(c, n.marker, a.marker, a.life, false)
	n.write(c, n.token, a.token, a.life, true)
	clearSiteData(c, a)
}

// decide makes the decision, and makes it durable.
func (s *Server) decide(ctx context.Context, site site, call consentCall, token string, gpc bool) (answer, *fault) {
	edition, f := s.editionOf(site, call)
	if f != nil {
		return answer{}, f
	}
	now := s.o.Now()
	unlock := s.busy.lock(token)
	defer unlock()
	previous, before := s.live(site, token, now)
	choice := consent.Choice{Action: consent.Action(call.Action), Choices: call.Choices, GPC: gpc}
	v, err := consent.Decide(choice, edition, previous, before, now, s.o.Random)
	switch {
	case errors.Is(err, consent.ErrAction):
		return answer{}, badField("action", "the action must be accept_all, refuse_all, custom or withdraw")
	case errors.Is(err, consent.ErrItem):
		return answer{}, badField("choices", "the choices name an item that this edition does not have")
	case err != nil:
		s.o.Logger.Error("collector: decide", "error", err)
		return answer{}, unavailable
	}
	lang := call.Lang
	if !slices.Contains(site.langs, lang) {
		lang = site.langs[0]
	}
	sum := call.Shown.TextSHA256
	if sum != "" && !site.texts.has(site.id, edition.Key(), lang, sum) {
		if v.State.Permits() {
			return answer{}, &fault{status: 409, Code: "text", Message: "this is not the text of that edition in that language: ask again", Field: "shown.text_sha256"}
		}
		sum = "" // taking back and refusing never fail over what was shown
	}
	shown := consent.Shown{Variant: variant(site, call.Shown.Variant), TextSHA256: sum}
	if f := s.record(ctx, site, v, choice, edition, lang, shown, now); f != nil {
		return answer{}, f
	}
	a, f := s.answer(site, v, edition, now)
	a.clears = v.State == consent.StateWithdrawn && site.known.Policy().Clear && site.mode == policy.ModePath
	return a, f
}

// editionOf is the edition that a decision is about. Taking back and refusing
// never fail over it: they are about the edition in force where the one that was
// named no longer holds.
func (s *Server) editionOf(site site, call consentCall) (*consent.Edition, *fault) {
	key, ok := consent.ParseEditionKey(call.Edition)
	if ok {
		if e, holds := site.known.Holding(key); holds {
			return e, nil
		}
	}
	switch {
	case call.Action == string(consent.Withdraw) || call.Action == string(consent.RefuseAll):
		return site.edition, nil
	case !ok:
		return nil, badField("edition", "the edition must be the 16 hexadecimal digits of the banner's answer")
	}
	return nil, &fault{status: 409, Code: "edition", Message: "the policy has a newer edition: ask again", Field: "edition"}
}

// Variants that are no layout of the banner: a decision made by the page's own
// script, and one made on the privacy page.
const (
	variantScript  = "api"
	variantPrivacy = "privacy-page"
	variantOther   = "other"
)

// variant is where a decision was made. A name that is not known here is not
// kept: counters of refusals stand for nobody, and a name that somebody made up
// could stand for one person.
func variant(site site, name string) string {
	switch name {
	case "", banner.Variant(site.known.Policy()), variantScript, variantPrivacy:
		return name
	}
	return variantOther
}

// live is the decision that a browser's token stands for, as long as it stands.
func (s *Server) live(site site, token string, now time.Time) (consent.Decision, *consent.Edition) {
	if token == "" {
		return consent.Decision{}, nil
	}
	d, err := s.o.Keys.Verify(token, now)
	if err != nil || d.Site() != site.id || s.o.Revoked.Covers(d.ID(), d.Number()) {
		return consent.Decision{}, nil
	}
	// An edition that no longer holds still says what was licensed under it. One
	// that another node published and this one does not know yet licenses nothing
	// here, but what was given under it can be taken back.
	e, _ := site.known.Find(d.Edition())
	return d, e
}

// record makes a verdict durable and lets it take effect on this node.
func (s *Server) record(ctx context.Context, site site, v consent.Verdict, choice consent.Choice,
	edition *consent.Edition, lang string, shown consent.Shown, now time.Time,
) *fault {
	if v.State == consent.StateWithdrawn && v.Decision.IsZero() {
		return nil
	}
	if v.State == consent.StateRefused {
		err := s.o.Ledger.Refuse(ctx, journal.CountKey{
			Site: site.id, Edition: edition.Key().String(), Lang: lang, Variant: shown.Variant, Hour: now,
		})
		return s.durable(err)
	}
	r, err := consent.NewRecord(v, consent.RecordOptions{
		Choice: choice, Edition: edition, Lang: lang, Channel: consent.ChannelWeb, Shown: shown,
		ProofDays: site.proofDays, Now: now, Random: s.o.Random,
	})
	if err != nil {
		s.o.Logger.Error("collector: record a decision", "error", err)
		return unavailable
	}
	decided := journal.Decided{Record: r, Lowest: v.Lowest, Spares: v.Spares, Lost: v.Lost}
	if err := s.o.Ledger.Decide(ctx, decided); err != nil {
		return s.durable(err)
	}
	if v.Lowest > 0 {
		s.o.Revoked.Add(decided.Revocation())
	}
	return nil
}

// durable turns a failure to write into the answer for it.
func (s *Server) durable(err error) *fault {
	if err == nil {
		return nil
	}
	if !errors.Is(err, spool.ErrFull) {
		s.o.Logger.Error("collector: a decision could not be made durable", "error", err)
	}
	return unavailable
}

// answer is what the browser gets for a verdict.
func (s *Server) answer(site site, v consent.Verdict, edition *consent.Edition, now time.Time) (answer, *fault) {
	marker := consent.MarkerOf(v, edition, now)
	body := consentAnswer{State: v.State, Purposes: []string{}, ExpiresAt: marker.Expires.Format(time.RFC3339)}
	a := answer{status: fiber.StatusCreated, marker: marker.String(), life: marker.Expires.Sub(now)}
	if v.State.Permits() {
		token, err := s.o.Keys.Sign(v.Decision)
		if err != nil {
			s.o.Logger.Error("collector: sign", "error", err)
			return answer{}, unavailable
		}
		a.token, body.ID, body.Purposes = token, v.Decision.ID().String(), marker.Items
	}
	if site.mode == policy.ModeCrossOrigin {
		body.Token, body.Marker, body.MaxAge = a.token, a.marker, int(a.life/time.Second)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		s.o.Logger.Error("collector: encode an answer", "error", err)
		return answer{}, unavailable
	}
	a.body = raw
	return a, nil
}

// question says in mode cross-origin what the token in the body stands for.
func (s *Server) question(c *fiber.Ctx, site site, wait time.Duration) error {
	from := callerOf(c)
	site.grant(c, from)
	token, f := decodeQuestion(c.BodyRaw())
	switch {
	case f != nil:
		return s.orTooFast(c, wait, f)
	case !from.fromScript(site):
		return s.orTooFast(c, wait, foreignOrigin)
	case wait > 0:
		return s.tooFast(c, wait)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(s.standing(site, token, ""))
}

// getConsent says what the browser's cookie stands for.
func (s *Server) getConsent(c *fiber.Ctx) error {
	site, ok := s.site(c.Query("site"))
	if !ok {
		return fail(c, unknownSite)
	}
	site.grant(c, callerOf(c))
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(s.standingOf(c, site))
}

// standingOf is the state that a request's cookies stand for.
func (s *Server) standingOf(c *fiber.Ctx, site site) consentAnswer {
	names := site.cookiesFor(c)
	if token := site.bearer(c); token != "" {
		return s.standing(site, token, "")
	}
	return s.standing(site, names.read(c, names.token), names.read(c, names.marker))
}

// standing is the state that a token or, without one, a marker stands for.
func (s *Server) standing(site site, token, marker string) consentAnswer {
	now := s.o.Now()
	out := consentAnswer{State: consent.StateUnknown, Purposes: []string{}}
	if d, err := s.o.Keys.Verify(token, now); token != "" && !d.IsZero() && d.Site() == site.id {
		switch {
		case errors.Is(err, consent.ErrExpired):
			out.State = consent.StateExpired
			return out
		case s.o.Revoked.Covers(d.ID(), d.Number()):
			out.State = consent.StateWithdrawn
			return out
		case err == nil:
			if e, holds := site.known.Holding(d.Edition()); holds {
				out.State, out.ID, out.Purposes = consent.StateGiven, d.ID().String(), e.IDs(d.Items())
				out.ExpiresAt = d.Expires().Format(time.RFC3339)
				return out
			}
			out.State = consent.StateExpired
			return out
		}
	}
	m, ok := consent.ParseMarker(marker)
	if ok && m.Edition == site.edition.Key() && !m.State.Permits() && now.Before(m.Expires) {
		out.State, out.ExpiresAt = m.State, m.Expires.Format(time.RFC3339)
	}
	return out
}
