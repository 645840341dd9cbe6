package collector

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"kelisim/banner"
	"kelisim/banner/locale"
	"kelisim/collector/limit"
	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/storage/journal"
	"kelisim/storage/rights"
)

//go:embed privacy
var privacyFiles embed.FS

// Holdings finds what is held about a consent.
type Holdings interface {
	Held(ctx context.Context, site string, id consent.ID) (rights.Held, error)
}

// privacyPages renders the privacy page.
type privacyPages struct {
	page  *template.Template
	style []byte
	tell  template.JS // tells the site's other tabs to look at the decision again
	csp   string      // permits that script alone, by its hash
}

func newPrivacyPages() (*privacyPages, error) {
	page, err := template.ParseFS(privacyFiles, "privacy/page.html")
	if err != nil {
		return nil, fmt.Errorf("collector: privacy page: %w", err)
	}
	style, err := privacyFiles.ReadFile("privacy/style.css")
	if err != nil {
		return nil, fmt.Errorf("collector: privacy page: %w", err)
	}
	tell, err := privacyFiles.ReadFile("privacy/tell.js")
	if err != nil {
		return nil, fmt.Errorf("collector: privacy page: %w", err)
	}
	tell = bytes.TrimSpace(tell)
	hash := sha256.Sum256(tell)
	csp := "default-src 'none'; style-src 'self'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return &privacyPages{page: page, style: style, tell: template.JS(tell), csp: csp}, nil
}

func (s *Server) privacyStyle(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "text/css; charset=utf-8")
	c.Set(fiber.HeaderCacheControl, fiveMinutes)
	return c.Send(s.pages.style)
}

// What was done, in the address of the page that says so.
const (
	doneWithdrawn  = "withdrawn"
	doneErased     = "erased"
	doneRegistered = "registered"
)

// privacyView is what the template of the privacy page gets.
type privacyView struct {
	Lang, Site  string
	Langs       []language
	T           func(key string) string
	Doc         banner.Document
	Said        string // what was just done
	Tell        template.JS
	Status      string
	StatusText  string
	Granted     []string
	NotGranted  []string
	Until       string
	Live        bool
	HeldKnown   bool
	Held        []line
	Choices     []choiceLine
	Editions    []line
	Unavailable bool
	Elsewhere   bool // the state is in cookies of the site that this page does not get
}

type language struct {
	Code, Name string
	Current    bool
}

type line struct{ Label, Value string }

type choiceLine struct{ When, State, Items string }

// getPrivacy shows the policy, the state and what is held, without JavaScript.
func (s *Server) getPrivacy(c *fiber.Ctx) error {
	site, ok := s.site(c.Params("site"))
	if !ok {
		return fail(c, unknownSite)
	}
	lang := banner.Language(site.langs, c.Query("lang"), c.Get(fiber.HeaderAcceptLanguage))
	now := s.o.Now()
	doc, err := s.o.Banner.Document(site.known.Policy(), lang, banner.Settings, nil, now)
	if err != nil {
		s.o.Logger.Error("collector: make a privacy page", "error", err)
		return fail(c, unavailable)
	}
	v := &privacyView{
		Lang: lang, Site: site.id, Doc: doc, Tell: s.pages.tell, Elsewhere: site.mode == policy.ModeCrossOrigin,
		T: func(key string) string { return s.o.Banner.Text(lang, banner.Key(key)) },
	}
	for _, l := range site.langs {
		v.Langs = append(v.Langs, language{Code: l, Name: locale.Name(l), Current: l == lang})
	}
	if !v.Elsewhere {
		v.Said = s.said(c, lang, site, s.describeState(c, site, v, now), now)
	}
	for _, p := range site.known.History() {
		v.Editions = append(v.Editions, line{Label: s.o.Banner.EditionText(p, lang), Value: p.HashString()})
	}
	var buf bytes.Buffer
	if err := s.pages.page.Execute(&buf, v); err != nil {
		s.o.Logger.Error("collector: render the privacy page", "error", err)
		return fail(c, unavailable)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentSecurityPolicy, s.pages.csp)
	// With no-referrer a browser sends the page's own form with Origin: null.
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	return c.Send(buf.Bytes())
}

// said is the sentence about what was just done. That a consent is withdrawn is said
// only to a browser for which it is true: an address can be kept and passed on.
func (s *Server) said(c *fiber.Ctx, lang string, site site, state consent.State, now time.Time) string {
	b := s.o.Banner
	switch c.Query("done") {
	case doneWithdrawn:
		if state != consent.StateWithdrawn {
			return ""
		}
		return b.Text(lang, banner.TextWithdrawnNote, "date", locale.Date(lang, b.ErasedBy(now)))
	case doneErased:
		proof := site.edition.ExpiryOf(now).AddDate(0, 0, site.proofDays)
		return b.Text(lang, banner.TextPrivacyErased, "date", locale.Date(lang, proof))
	case doneRegistered:
		request, err := uuid.Parse(c.Query("request"))
		if err != nil {
			return ""
		}
		return b.Text(lang, banner.TextPrivacyRegistered, "id", request.String(), "n", strconv.Itoa(s.o.EraseWorkingDays))
	}
	return ""
}

// describeState says what the browser's cookies stand for, and what is held
// under them.
func (s *Server) describeState(c *fiber.Ctx, site site, v *privacyView, now time.Time) consent.State {
	text := func(key banner.Key) string { return s.o.Banner.Text(v.Lang, key) }
	standing := s.standingOf(c, site)
	keys := map[consent.State][2]banner.Key{
		consent.StateGiven:     {banner.TextPrivacyStateGiven, banner.TextPrivacyStateGivenText},
		consent.StateRefused:   {banner.TextPrivacyStateRefused, banner.TextPrivacyStateRefusedText},
		consent.StateWithdrawn: {banner.TextPrivacyStateWithdrawn, banner.TextPrivacyStateWithdrawnText},
		consent.StateExpired:   {banner.TextPrivacyStateExpired, banner.TextPrivacyStateExpiredText},
		consent.StateUnknown:   {banner.TextPrivacyStateNone, banner.TextPrivacyStateNoneText},
	}
	k := keys[standing.State]
	for _, item := range v.Doc.Purposes {
		if slices.Contains(standing.Purposes, item.ID) {
			v.Granted = append(v.Granted, item.Title)
		} else {
			v.NotGranted = append(v.NotGranted, item.Title)
		}
	}
	if standing.State.Permits() && len(v.NotGranted) > 0 {
		k = [2]banner.Key{banner.TextPrivacyStatePartly, banner.TextPrivacyStatePartlyText}
	}
	v.Status, v.StatusText = text(k[0]), text(k[1])
	id, err := consent.ParseID(standing.ID)
	if !standing.State.Permits() || err != nil {
		v.HeldKnown = true
		return standing.State
	}
	v.Live = true
	if end, err := time.Parse(time.RFC3339, standing.ExpiresAt); err == nil {
		v.Until = s.o.Banner.Text(v.Lang, banner.TextValidUntil, "date", locale.Date(v.Lang, end))
	}
	s.describeHeld(c.UserContext(), site, id, v)
	return standing.State
}

// heldWithin bounds the look into the database.
const heldWithin = 3 * time.Second

func (s *Server) describeHeld(ctx context.Context, site site, id consent.ID, v *privacyView) {
	ctx, cancel := context.WithTimeout(ctx, heldWithin)
	defer cancel()
	h, err := s.o.Held.Held(ctx, site.id, id)
	if err != nil {
		s.o.Logger.Warn("collector: what is held cannot be read", "error", err)
		v.Unavailable = true
		return
	}
	v.HeldKnown = true
	zone := site.known.Policy().Location()
	when := func(t time.Time) string { return locale.DateTime(v.Lang, t.In(zone)) }
	text := func(key banner.Key) string { return s.o.Banner.Text(v.Lang, key) }
	if h.Rows > 0 {
		number := func(n uint64) string { return strconv.FormatUint(n, 10) }
		v.Held = []line{
			{text(banner.TextPrivacyPageviews), number(h.Pageviews)},
			{text(banner.TextPrivacyEvents), number(h.Rows - h.Pageviews)},
			{text(banner.TextPrivacyNetworks), number(h.Networks)},
			{text(banner.TextPrivacyFirst), when(h.First)},
			{text(banner.TextPrivacyLast), when(h.Last)},
		}
	}
	titles := map[string]string{}
	for _, item := range v.Doc.Purposes {
		titles[item.ID] = item.Title
	}
	for _, d := range h.Decisions {
		key, items := banner.TextPrivacyStateGiven, ""
		if d.State == consent.StateWithdrawn {
			key = banner.TextPrivacyStateWithdrawn
		}
		for i, id := range d.Items {
			if i > 0 {
				items += "; "
			}
			items += titles[id]
		}
		v.Choices = append(v.Choices, choiceLine{When: when(d.Time), State: text(key), Items: items})
	}
}

// noForms: in mode cross-origin the page knows nothing of the visitor's choice.
var noForms = &fault{status: 404, Code: "not_found", Message: "in mode cross-origin a consent is taken back by the banner, on the site itself"}

// postPrivacy takes the buttons of the privacy page, as plain forms.
func (s *Server) postPrivacy(c *fiber.Ctx) error {
	wait := s.wait(c, limit.Decisions)
	site, ok := s.site(c.Params("site"))
	if !ok {
		return s.orTooFast(c, wait, unknownSite)
	}
	if site.mode == policy.ModeCrossOrigin {
		return s.orTooFast(c, wait, noForms)
	}
	if !callerOf(c).fromPage(site, hostName(c)) {
		return s.orTooFast(c, wait, foreignOrigin)
	}
	lang := banner.Language(site.langs, c.Query("lang"), c.Get(fiber.HeaderAcceptLanguage))
	names := site.cookiesFor(c)
	token := names.read(c, names.token)
	query := url.Values{"lang": {lang}}
	// Plain form fields alone: a multipart body could be packed, and its size unpacked is unknown.
	action := string(c.Request().PostArgs().Peek("action"))
	if wait > 0 && !s.ends(site, action, token) {
		return s.tooFast(c, wait)
	}
	switch action {
	case string(consent.Withdraw):
		a, f := s.decide(c.UserContext(), site, s.fromPage(site, lang), token, gpc(c))
		if f != nil {
			return fail(c, f)
		}
		names.answer(c, a)
		query.Set("done", doneWithdrawn)
	case "erase":
		done, request, f := s.erase(c.UserContext(), site, token)
		if f != nil {
			return fail(c, f)
		}
		query.Set("done", done)
		query.Set("request", request)
	default:
		return fail(c, badField("action", "the action must be withdraw or erase"))
	}
	return c.Redirect(site.id+"?"+query.Encode(), fiber.StatusSeeOther)
}

// fromPage is a withdrawal that was made on the privacy page.
func (s *Server) fromPage(site site, lang string) consentCall {
	call := consentCall{Site: site.id, Edition: site.edition.Key().String(), Lang: lang, Action: string(consent.Withdraw)}
	call.Shown.Variant = variantPrivacy
	return call
}

// eraseWithin is how long the page waits for the erasure before it says that it
// is under way; no more than eraseWaits pages wait at a time.
const (
	eraseWithin = 8 * time.Second
	eraseLook   = 200 * time.Millisecond
	eraseWaits  = 32
)

// erase makes a person's demand durable and waits a while for it to be done. It
// returns what was done, and the number of the request.
func (s *Server) erase(ctx context.Context, site site, token string) (done, request string, f *fault) {
	now := s.o.Now()
	d, _ := s.live(site, token, now)
	if d.IsZero() {
		return "", "", nil // nothing is held
	}
	if s.o.Limits.Consent(limit.Demands, d.ID(), now) > 0 {
		return "", "", demandedBefore
	}
	demand := journal.Erasure{Site: site.id, ID: d.ID(), At: now}
	if err := s.o.Ledger.Erase(ctx, demand); err != nil {
		return "", "", s.durable(err)
	}
	request = demand.Job().String()
	select {
	case s.waits <- struct{}{}:
		defer func() { <-s.waits }()
	default:
		return doneRegistered, request, nil
	}
	ctx, cancel := context.WithTimeout(ctx, eraseWithin)
	defer cancel()
	tick := time.NewTicker(eraseLook)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h, err := s.o.Held.Held(ctx, site.id, d.ID())
			if err != nil {
				return doneRegistered, request, nil
			}
			if h.Rows == 0 || h.First.After(now) {
				return doneErased, request, nil
			}
		case <-ctx.Done():
			return doneRegistered, request, nil
		}
	}
}
