package dashboard

import "github.com/gofiber/fiber/v2"

// contentPolicy allows the dashboard's own style sheet, icon and forms, and
// nothing else: no script, nothing inline, nothing from elsewhere.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// headers stands on every answer. An answer that may be cached says so itself.
func (d *Dashboard) headers(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentSecurityPolicy, contentPolicy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set(fiber.HeaderPermissionsPolicy, "camera=(), geolocation=(), microphone=()")
	c.Set("X-Robots-Tag", "noindex")
	return c.Next()
}

// sameOrigin reports whether a request that changes something was sent by a page
// of the dashboard itself. Browsers say so in Sec-Fetch-Site; what sends neither
// that nor Origin is not a browser and carries no cookie by itself.
func sameOrigin(c *fiber.Ctx) bool {
	if site := c.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin" || site == "none"
	}
	origin := c.Get(fiber.HeaderOrigin)
	return origin == "" || origin == "http://"+c.Get(fiber.HeaderHost) || origin == "https://"+c.Get(fiber.HeaderHost)
}
