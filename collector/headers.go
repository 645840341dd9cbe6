package collector

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"kelisim/pipeline/enrich"
)

// The most that is read of what a browser says about itself, in bytes: several
// times what any browser sends.
const (
	maxUserAgent = 1024
	maxBrands    = 512
	maxHint      = 64
)

// headersOf is what a request says about its browser, in values of its own. The
// client hints are those that browsers send unasked; none is ever asked for.
func headersOf(c *fiber.Ctx) enrich.Headers {
	return enrich.Headers{
		UserAgent: bounded(c, fiber.HeaderUserAgent, maxUserAgent),
		Brands:    bounded(c, "Sec-CH-UA", maxBrands),
		Mobile:    bounded(c, "Sec-CH-UA-Mobile", maxHint),
		Platform:  bounded(c, "Sec-CH-UA-Platform", maxHint),
	}
}

func bounded(c *fiber.Ctx, name string, most int) string {
	s := header(c, name)
	return s[:min(len(s), most)]
}

// header is a request's header, as a string of its own. Lines of the same name
// are joined, so that a repeated header is none of the values that are compared.
func header(c *fiber.Ctx, name string) string {
	lines := c.Request().Header.PeekAll(name)
	if len(lines) == 1 {
		return string(lines[0])
	}
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteString(", ")
		}
		b.Write(line)
	}
	return b.String()
}
