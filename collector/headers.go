package collector

import (
	"net/netip"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"kelisim/pipeline/enrich"
)

// The most that is read of what a browser says about itself, in bytes: several
// times what any browser sends.
const (
	maxUserAgent = 1024
	maxBrands    = 512
	maxHint      = 64
)

// said is what the headers of a request say. Its texts lie in the buffer of the
// request and live no longer: whoever keeps one must copy it.
type said struct {
	caller
	agent     enrich.Headers // the client hints are those that browsers send unasked; none is ever asked for
	referer   string
	forwarded []string // the lines of X-Forwarded-For
	gpc       bool

	lines [4]string // room for most of forwarded
}

// read reads the headers in one pass. Lines of the same name are joined, so that a
// repeated header is none of the values that are compared; but for those of Sec-GPC
// and X-Forwarded-For, which count one by one.
func (s *said) read(c *fiber.Ctx) {
	s.forwarded = s.lines[:0]
	seen := keys(0)
	c.Request().Header.VisitAll(func(name, value []byte) {
		switch string(name) { // as the server writes them
		case fiber.HeaderOrigin:
			seen.join(&s.origin, 1, value)
		case "Sec-Fetch-Site":
			seen.join(&s.site, 2, value)
		case "Sec-Fetch-Mode":
			seen.join(&s.mode, 4, value)
		case fiber.HeaderReferer:
			seen.join(&s.referer, 8, value)
		case fiber.HeaderUserAgent:
			seen.join(&s.agent.UserAgent, 16, value)
		case "Sec-Ch-Ua":
			seen.join(&s.agent.Brands, 32, value)
		case "Sec-Ch-Ua-Mobile":
			seen.join(&s.agent.Mobile, 64, value)
		case "Sec-Ch-Ua-Platform":
			seen.join(&s.agent.Platform, 128, value)
		case "Sec-Gpc":
			s.gpc = s.gpc || onGPC(value)
		case fiber.HeaderXForwardedFor:
			s.forwarded = append(s.forwarded, utils.UnsafeString(value))
		}
	})
	a := &s.agent
	a.UserAgent, a.Brands = bounded(a.UserAgent, maxUserAgent), bounded(a.Brands, maxBrands)
	a.Mobile, a.Platform = bounded(a.Mobile, maxHint), bounded(a.Platform, maxHint)
}

// join adds a line of a header to those of the same name before it.
func (k *keys) join(to *string, header keys, line []byte) {
	if *k&header == 0 {
		*k |= header
		*to = utils.UnsafeString(line)
		return
	}
	*to += ", " + string(line)
}

func bounded(s string, most int) string { return s[:min(len(s), most)] }

// headersOf is what a request says about its browser.
func headersOf(c *fiber.Ctx) enrich.Headers {
	var s said
	s.read(c)
	return s.agent
}

// client is the address of who sent a request.
func (s *Server) client(c *fiber.Ctx, forwarded []string) netip.Addr {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return netip.Addr{}
	}
	return ClientAddress(peer, forwarded, s.o.Proxies)
}
