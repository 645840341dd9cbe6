package collector

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/consent/policy"
)

// cookieNames are the two cookies of a deployment. The token is HttpOnly, so
// that no script on the page can read or replay it; the marker is readable and
// holds no id. Without names there are no cookies: the token is in the body then.
type cookieNames struct {
	token, marker string
	domain        string // empty for a cookie of one host
	secure        bool
}

// cookiesFor chooses the names: with a prefix everywhere but on plain http on the
// machine itself, where browsers refuse it.
func (s site) cookiesFor(c *fiber.Ctx) cookieNames {
	var h said
	h.read(c)
	return h.cookies(c, s)
}

// cookies chooses the names for a request whose headers are read.
func (s *said) cookies(c *fiber.Ctx, of site) cookieNames {
	switch {
	case of.mode == policy.ModeCrossOrigin:
		return cookieNames{}
	case !s.secure(c) && loopbackName(hostName(c)):
		return cookieNames{token: "kelisim", marker: "kelisim-state", domain: of.domain}
	case of.mode == policy.ModeSubdomain:
		return cookieNames{token: "__Secure-kelisim", marker: "__Secure-kelisim-state", domain: of.domain, secure: true}
	}
	return cookieNames{token: "__Host-kelisim", marker: "__Host-kelisim-state", secure: true}
}

// secure reports whether the browser's side of the connection is TLS: the Origin or
// Referer says it, because TLS mostly ends before this process. X-Forwarded-Proto
// is not read: a visitor can write it.
func (s *said) secure(c *fiber.Ctx) bool {
	return strings.HasPrefix(s.origin, "https://") || strings.HasPrefix(s.referer, "https://") || c.Context().IsTLS()
}

// read is a cookie's value, as a string of its own.
func (n cookieNames) read(c *fiber.Ctx, name string) string {
	if name == "" {
		return ""
	}
	return string(c.Request().Header.Cookie(name))
}

// write sets one cookie; without a value it is taken away. Its life is that of
// what it stands for and is never renewed silently.
func (n cookieNames) write(c *fiber.Ctx, name, value string, life time.Duration, httpOnly bool) {
	if name == "" {
		return
	}
	cookie := &fiber.Cookie{
		Name: name, Value: value, Path: "/", Domain: n.domain, Secure: n.secure, HTTPOnly: httpOnly,
		SameSite: fiber.CookieSameSiteLaxMode, MaxAge: int(life / time.Second),
	}
	if value == "" {
		cookie.MaxAge, cookie.Expires = -1, time.Unix(1, 0).UTC()
	}
	c.Cookie(cookie)
}
