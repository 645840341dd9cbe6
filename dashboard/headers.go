package dashboard

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// contentPolicy allows the dashboard's own style sheet, icon and forms, and
// nothing else: no script, nothing inline, nothing from elsewhere.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// headers stands on every answer. An answer that may be cached says so itself.
func (d *Dashboard) headers(c *fiber.Ctx) error {
	setHeaders(c)
	return c.Next()
}

func setHeaders(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, contentPolicy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set(fiber.HeaderPermissionsPolicy, "camera=(), geolocation=(), microphone=()")
	c.Set("X-Robots-Tag", "noindex")
}

// HandleError is the error handler of the application that the dashboard is
// registered with. Its answer repeats nothing of the request; nor does its log.
func (d *Dashboard) HandleError(c *fiber.Ctx, err error) error {
	status := fiber.StatusInternalServerError
	var known *fiber.Error
	if errors.As(err, &known) {
		status = known.Code
	} else {
		d.log.Error("dashboard: a handler failed", "error_type", fmt.Sprintf("%T", err))
	}
	setHeaders(c)
	if strings.HasPrefix(c.Path(), "/api/") && status == fiber.StatusNotFound {
		return apiError(c, status, "not_found", "there is no such call", "")
	}
	return c.Status(status).SendString(utils.StatusMessage(status) + "\n")
}

// panicked says where a handler panicked. What it panicked with could repeat the
// request; a stack names functions and lines and no content.
func (d *Dashboard) panicked(_ *fiber.Ctx, value any) {
	d.log.Error("dashboard: a handler panicked", "type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
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
