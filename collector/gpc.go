package collector

import "github.com/gofiber/fiber/v2"

// onGPC reports whether a line of the header Sec-GPC switches the Global Privacy
// Control signal on. As the specification has it (W3C, Global Privacy Control,
// section 3), it is on when at least one line is exactly "1": repeated lines count
// once, and a line with any other value is as good as none. A line "1, 1" is not
// exactly "1".
func onGPC(line []byte) bool { return len(line) == 1 && line[0] == '1' }

// gpc reports whether a request carries the signal.
func gpc(c *fiber.Ctx) bool {
	var s said
	s.read(c)
	return s.gpc
}

// gpcSupport is the resource by which a site says that it abides by the signal,
// with the day since when this program does.
const gpcSupport = `{"gpc":true,"lastUpdate":"2026-11-23"}` + "\n"

// gpcCached is how long browsers may keep it.
const gpcCached = "public, max-age=86400"

// getGPC serves the resource. It belongs at the root of the site's own origin, so
// that a site whose collector lives below a path must pass it on.
func (s *Server) getGPC(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, gpcCached)
	return c.SendString(gpcSupport)
}
