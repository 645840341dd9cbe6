package collector

import (
	_ "embed"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kelisim/banner"
)

//go:embed openapi.yaml
var openapi []byte

// Cache rules: a file whose name holds its hash never changes; the loader is
// looked at again after five minutes.
const (
	forever     = "public, max-age=31536000, immutable"
	fiveMinutes = "public, max-age=300"
)

func (s *Server) openapi(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/yaml; charset=utf-8")
	return c.Send(openapi)
}

// loader serves k.js, with the editions of every site in front.
func (s *Server) loader(c *fiber.Ctx) error { return sendAsset(c, s.served.Load().k, fiveMinutes) }

// asset serves a file of the folder that is named after its contents.
func (s *Server) asset(c *fiber.Ctx) error {
	a, ok := s.o.Assets.File(c.Params("hash"), c.Params("file"))
	if !ok {
		return fail(c, &fault{status: 404, Code: "not_found", Message: "there is no such file"})
	}
	return sendAsset(c, a, forever)
}

// adapter serves what tells a third party what the visitor permits.
func (s *Server) adapter(c *fiber.Ctx) error {
	a, ok := s.o.Assets.Adapter(c.Params("file"))
	if !ok {
		return fail(c, &fault{status: 404, Code: "not_found", Message: "there is no such file"})
	}
	return sendAsset(c, a, fiveMinutes)
}

// pinnedLoader serves the loader for sites that pin it with SRI.
func (s *Server) pinnedLoader(c *fiber.Ctx) error {
	k := s.served.Load().pinned
	if k.Name != "k."+c.Params("hash")+".js" {
		return fail(c, &fault{status: 404, Code: "not_found", Message: "there is no such file"})
	}
	return sendAsset(c, k, forever)
}

// sendAsset sends the smallest form that the browser takes.
func sendAsset(c *fiber.Ctx, a banner.Asset, cache string) error {
	c.Set(fiber.HeaderContentType, a.ContentType)
	c.Set(fiber.HeaderCacheControl, cache)
	c.Set(fiber.HeaderETag, a.ETag)
	c.Vary(fiber.HeaderAcceptEncoding)
	if c.Get(fiber.HeaderIfNoneMatch) == a.ETag {
		return c.SendStatus(fiber.StatusNotModified)
	}
	accepted := c.Get(fiber.HeaderAcceptEncoding)
	switch {
	case strings.Contains(accepted, "br"):
		c.Set(fiber.HeaderContentEncoding, "br")
		return c.Send(a.Brotli)
	case strings.Contains(accepted, "gzip"):
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(a.Gzip)
	}
	return c.Send(a.Body)
}
