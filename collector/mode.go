package collector

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"kelisim/consent/policy"
)

// The deployment modes at the edge. In mode path the collector lives at the site's
// own origin and nobody else's page may read an answer. In the other two the pages
// of the site, and only they, may: each by its own name, never by a star where
// cookies travel.

// Headers of the Fetch standard by which an answer is shared with another origin.
const (
	allowOrigin      = fiber.HeaderAccessControlAllowOrigin
	allowCredentials = fiber.HeaderAccessControlAllowCredentials
)

// sharing is whose pages may embed the files that everybody gets alike. The zero
// value is for mode path.
type sharing uint8

const (
	sharedWithin sharing = iota + 1 // with other hosts of the same site: there is a site in mode subdomain
	sharedAcross                    // with other sites: there is one in mode cross-origin
)

func sharingOf(catalogue *policy.Catalogue) (most sharing) {
	for _, s := range catalogue.Sites() {
		switch s.Policy().Mode {
		case policy.ModeSubdomain:
			most = max(most, sharedWithin)
		case policy.ModeCrossOrigin:
			most = sharedAcross
		}
	}
	return most
}

// share lets other origins load a file that is the same for everybody. Modules, and
// files with an integrity attribute, are loaded without cookies and need the star.
func (h sharing) share(c *fiber.Ctx) {
	if h == 0 {
		return
	}
	c.Set(allowOrigin, "*")
	if h == sharedAcross {
		c.Set(resourcePolicy, "cross-origin")
	}
}

// grant lets the page that called read the answer, if it is one of the site's.
func (s site) grant(c *fiber.Ctx, from caller) {
	if s.mode == policy.ModePath {
		return
	}
	c.Vary(fiber.HeaderOrigin)
	if host, ok := from.host(); !ok || !s.has(host) {
		return
	}
	c.Set(allowOrigin, strings.Clone(from.origin))
	if s.mode == policy.ModeSubdomain {
		c.Set(allowCredentials, "true")
	}
}

// preflight answers what a browser asks before a call with a content type or an
// Authorization header. It names no site, so that the Origin decides alone; a call
// is looked at again when it comes. Our own scripts make no such calls.
func (s *Server) preflight(c *fiber.Ctx) error {
	var h said
	h.read(c)
	host, ok := h.host()
	known, found := s.served.Load().catalogue.SiteByHost(host)
	if !ok || !found || known.Policy().Mode == policy.ModePath || c.Get(fiber.HeaderAccessControlRequestMethod) == "" {
		return fiber.ErrMethodNotAllowed
	}
	of, _ := s.site(known.ID())
	of.grant(c, h.caller)
	c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
	c.Set(fiber.HeaderAccessControlAllowHeaders, "content-type, authorization")
	c.Set(fiber.HeaderAccessControlMaxAge, "600")
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.SendStatus(fiber.StatusNoContent)
}

// bearer is the token of an Authorization header, which counts in mode cross-origin
// alone.
func (s site) bearer(c *fiber.Ctx) string {
	scheme, token, found := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if s.mode != policy.ModeCrossOrigin || !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Clone(strings.TrimSpace(token))
}
