package collector

import (
	"net/url"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"kelisim/banner"
	"kelisim/consent/policy"
)

// askingLoaders keeps the loaders that ask, by what they say: one for each site and
// language, made when it is first wanted. It is safe for concurrent use.
type askingLoaders struct {
	mu  sync.Mutex
	all map[asked]banner.Asset
}

type asked struct{ site, lang string }

// askingLoader is the loader for a visitor who has not decided: of the site whose
// page the Referer names, in the language that is likely that of the page: the tag
// says it (k.js?lang=kk), or the first part of the page's path, or it is that of the
// browser. It permits nothing and counts nothing; a page that turns out to be of another
// language, or of another site of the same host, asks as if it had got the plain
// one. In mode cross-origin nobody's decision is seen here.
func (s *Server) askingLoader(c *fiber.Ctx, now *served) (banner.Asset, bool) {
	var h said
	h.read(c)
	page, err := url.Parse(h.referer)
	if err != nil || page.Host == "" {
		return banner.Asset{}, false
	}
	known, ok := now.catalogue.SiteByHost(strings.ToLower(page.Hostname()))
	if !ok || known.Policy().Mode == policy.ModeCrossOrigin {
		return banner.Asset{}, false
	}
	site := now.site(known)
	if names := h.cookies(c, site); names.read(c, names.marker) != "" || names.read(c, names.token) != "" {
		return banner.Asset{}, false
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(page.Path, "/"), "/")
	lang := banner.Language(site.langs, c.Query("lang"), first, c.Get(fiber.HeaderAcceptLanguage))
	k, err := s.madeToAsk(now, site, lang)
	if err != nil {
		s.o.Logger.Error("collector: make a loader that asks", "error", err)
		return banner.Asset{}, false
	}
	return k, true
}

// madeToAsk makes a loader that asks, once. What the first layer says to somebody who
// is asked for the first time depends on no day.
func (s *Server) madeToAsk(now *served, of site, lang string) (banner.Asset, error) {
	now.asking.mu.Lock()
	defer now.asking.mu.Unlock()
	key := asked{of.id, lang}
	if k, ok := now.asking.all[key]; ok {
		return k, nil
	}
	doc, err := s.o.Banner.Document(of.known.Policy(), lang, banner.First, nil, s.o.Now())
	if err != nil {
		return banner.Asset{}, err
	}
	k, err := s.o.Assets.Asking(now.catalogue.Keys(), now.catalogue.Modes(), of.id, doc.FirstLayer())
	if err != nil {
		return banner.Asset{}, err
	}
	if now.asking.all == nil {
		now.asking.all = map[asked]banner.Asset{}
	}
	now.asking.all[key] = k
	return k, nil
}
