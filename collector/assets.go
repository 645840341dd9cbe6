package collector

import (
	_ "embed"
	"slices"
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
	privately   = "private, max-age=300" // not for caches that others share
)

func (s *Server) openapi(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/yaml; charset=utf-8")
	return c.Send(openapi)
}

// loader serves k.js, with the editions of every site in front. Who has not decided
// gets it with the first layer in it.
func (s *Server) loader(c *fiber.Ctx) error {
	now := s.served.Load()
	if k, ok := s.askingLoader(c, now); ok {
		return now.shared.send(c, k, privately)
	}
	return now.shared.send(c, now.k, fiveMinutes)
}

// asset serves a file of the folder that is named after its contents.
func (s *Server) asset(c *fiber.Ctx) error {
	a, ok := s.o.Assets.File(c.Params("hash"), c.Params("file"))
	if !ok {
		return fail(c, &fault{status: 404, Code: "not_found", Message: "there is no such file"})
	}
	return s.served.Load().shared.send(c, a, forever)
}

// adapter serves what tells a third party what the visitor permits.
func (s *Server) adapter(c *fiber.Ctx) error {
	a, ok := s.o.Assets.Adapter(c.Params("file"))
	if !ok {
		return fail(c, &fault{status: 404, Code: "not_found", Message: "there is no such file"})
	}
	return s.served.Load().shared.send(c, a, fiveMinutes)
}

// oldLoader is what a page gets that pins the loader of another edition or of
// another release: nothing that runs.
var oldLoader = &fault{
	status: 404, Code: "old_loader", Message: "the page pins a loader that is served no more: take its name and integrity from integrity.json",
}

// pinnedLoader serves the loader for sites that pin it with SRI. It holds the
// editions in force, so that any other fails closed: an older one would take
// decisions on the new edition for none and ask on every page.
func (s *Server) pinnedLoader(c *fiber.Ctx) error {
	now := s.served.Load()
	if now.pinned.Name != "k."+c.Params("hash")+".js" {
		now.shared.share(c)
		return fail(c, oldLoader)
	}
	return now.shared.send(c, now.pinned, forever)
}

// integrity names every file that a page may pin, with its hash for SRI.
func (s *Server) integrity(c *fiber.Ctx) error {
	now := s.served.Load()
	type file struct {
		Name      string `json:"name"` // relative to the collector
		Integrity string `json:"integrity"`
	}
	out := struct {
		Loader file   `json:"loader"`
		Files  []file `json:"files"`
	}{Loader: file{now.pinned.Name, now.pinned.Integrity}}
	for name, sum := range s.o.Assets.Integrity() {
		out.Files = append(out.Files, file{name, sum})
	}
	slices.SortFunc(out.Files, func(a, b file) int { return strings.Compare(a.Name, b.Name) })
	now.shared.share(c)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return c.JSON(out)
}

// send sends the smallest form that the browser takes.
func (h sharing) send(c *fiber.Ctx, a banner.Asset, cache string) error {
	h.share(c)
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
