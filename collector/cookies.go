package collector

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// cookieNames are the two cookies of a deployment. The token is HttpOnly, so
// that no script on the page can read or replay it; the marker is readable and
// holds no id.
type cookieNames struct {
	token, marker string
	secure        bool
}

// cookiesFor chooses the names: with the __Host- prefix everywhere but on plain
// http on the machine itself, where browsers refuse it.
func cookiesFor(c *fiber.Ctx) cookieNames {
	var s said
	s.read(c)
	return s.cookies(c)
}

// cookies chooses the names for a request whose headers are read.
func (s *said) cookies(c *fiber.Ctx) cookieNames {
	if !s.secure(c) && loopbackName(hostName(c)) {
		return cookieNames{token: "kelisim", marker: "kelisim-state"}
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
	return string(c.Request().Header.Cookie(name))
}

// write sets one cookie; without a value it is taken away. Its life is that of
// what it stands for and is never renewed silently.
func (n cookieNames) write(c *fiber.Ctx, name, value string, life time.Duration, httpOnly bool) {
	cookie := &fiber.Cookie{
		Name: name, Value: value, Path: "/", Secure: n.secure, HTTPOnly: httpOnly,
		SameSite: fiber.CookieSameSiteLaxMode, MaxAge: int(life / time.Second),
	}
	if value == "" {
		cookie.MaxAge, cookie.Expires = -1, time.Unix(1, 0).UTC()
	}
	c.Cookie(cookie)
}
