package collector

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kelisim/banner"
	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/pipeline/outcome"
	"kelisim/storage/journal"
)

// getBanner says what to ask, and counts a banner that is shown to somebody who
// has not chosen. Crawlers and prefetching browsers are answered and not counted,
// nor is a banner that is already on the screen and asks again, in another
// language. One that came with the loader only tells that it is shown: layer=0.
func (s *Server) getBanner(c *fiber.Ctx) error {
	site, ok := s.site(c.Query("site"))
	if !ok {
		return fail(c, unknownSite)
	}
	site.grant(c, callerOf(c))
	lang := banner.Language(site.langs, c.Query("lang"), c.Get(fiber.HeaderAcceptLanguage))
	now := s.o.Now()
	reason, choices := s.reason(c, site)
	doc, err := s.o.Banner.Document(site.known.Policy(), lang, reason, choices, now)
	if err != nil {
		s.o.Logger.Error("collector: make a banner", "error", err)
		return fail(c, unavailable)
	}
	if reason != banner.Settings && c.Query("again") == "" && !prefetch(c) && s.o.Agents.Recognise(headersOf(c)).Bot == outcome.None {
		s.o.Ledger.Show(journal.CountKey{
			Site: site.id, Edition: site.edition.Key().String(), Lang: lang, Variant: doc.Variant, Hour: now,
		})
	}
	switch {
	case c.Query("layer") == "0":
		c.Set(fiber.HeaderCacheControl, "no-store")
		return c.SendStatus(fiber.StatusNoContent)
	case choices == nil && c.Query("layer") == "1":
		return s.sendDocument(c, doc.FirstLayer(), true)
	}
	return s.sendDocument(c, doc, choices == nil)
}

// prefetch reports a request that no person asked for yet.
func prefetch(c *fiber.Ctx) bool {
	for _, h := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.Contains(c.Get(h), "prefetch") || strings.Contains(c.Get(h), "prerender") {
			return true
		}
	}
	return false
}

// reason says why the visitor is asked, by their cookies; in mode cross-origin by
// the marker in the query, which holds no id. It decides what the banner says and
// permits nothing.
func (s *Server) reason(c *fiber.Ctx, site site) (banner.Reason, map[string]bool) {
	now, names := s.o.Now(), site.cookiesFor(c)
	if d, e := s.live(site, names.read(c, names.token), now); !d.IsZero() {
		if _, holds := site.known.Holding(d.Edition()); !holds {
			return banner.Material, nil
		}
		return banner.Settings, choicesOf(e, e.IDs(d.Items()))
	}
	marker := names.read(c, names.marker)
	if site.mode == policy.ModeCrossOrigin {
		marker = c.Query("state")
	}
	m, ok := consent.ParseMarker(marker)
	if e, holds := site.known.Holding(m.Edition); ok && holds && site.mode == policy.ModeCrossOrigin && m.State.Permits() && now.Before(m.Expires) {
		return banner.Settings, choicesOf(e, m.Items)
	}
	switch {
	case !ok:
		return banner.First, nil
	case !site.holds(m.Edition):
		return banner.Material, nil
	case now.Before(m.Expires) && !m.State.Permits():
		return banner.Settings, map[string]bool{}
	case m.State.Permits():
		return banner.Expired, nil
	}
	return banner.Again, nil
}

// choicesOf is every item of an edition, and whether it is among those granted.
func choicesOf(e *consent.Edition, granted []string) map[string]bool {
	choices := map[string]bool{}
	for _, it := range e.Items() {
		choices[it.ID] = slices.Contains(granted, it.ID)
	}
	return choices
}

func (s site) holds(key consent.EditionKey) bool {
	_, holds := s.known.Holding(key)
	return holds
}

// shownTexts is the hash of every text that a banner of this program can show, by
// edition.
type shownTexts map[shownEdition]map[shownText]bool

type shownEdition struct {
	site    string
	edition consent.EditionKey
}

type shownText struct{ lang, sha256 string }

// has reports whether a text of an edition can have been shown.
func (t shownTexts) has(site string, edition consent.EditionKey, lang, sha256 string) bool {
	return t[shownEdition{site, edition}][shownText{lang, sha256}]
}

// textsOf lists the texts of a catalogue. An edition never changes, so what is known
// of it from before is taken over.
func textsOf(b *banner.Banner, catalogue *policy.Catalogue, before shownTexts) (shownTexts, error) {
	all := shownTexts{}
	for _, site := range catalogue.Sites() {
		for _, p := range site.History() {
			of := shownEdition{site.ID(), p.Key()}
			if known := before[of]; known != nil {
				all[of] = known
				continue
			}
			texts := map[shownText]bool{}
			for _, lang := range p.Languages() {
				for _, reason := range banner.Reasons() {
					sum, err := b.TextHash(p, lang, reason)
					if err != nil {
						return nil, fmt.Errorf("collector: texts of the banner: %w", err)
					}
					texts[shownText{lang, sum}] = true
				}
			}
			all[of] = texts
		}
	}
	return all, nil
}
