package collector

import (
	"github.com/gofiber/fiber/v2"

	"kelisim/banner"
)

// getServices says what the services of a site keep in a browser. It depends on the
// policy alone, so that browsers keep it as long as the loader.
func (s *Server) getServices(c *fiber.Ctx) error {
	site, ok := s.site(c.Query("site"))
	if !ok {
		return fail(c, unknownSite)
	}
	s.served.Load().shared.share(c)
	c.Set(fiber.HeaderCacheControl, fiveMinutes)
	return c.JSON(banner.KeptBy(site.known.Policy()))
}

// clearedData is what a browser is asked to clear with a consent that was taken
// back as a whole. Cookies are not among it: the marker of the withdrawal is one,
// and so is what a person signed in with.
const clearedData = `"cache", "storage"`

// clearSiteData asks a browser to clear the storage of the site, where the policy
// says so. It is never asked for when a choice was only narrowed, because what is
// still granted has its storage there as well, and only in mode path, because it is
// the storage of the origin that answers.
func clearSiteData(c *fiber.Ctx, a answer) {
	if a.clears {
		c.Set("Clear-Site-Data", clearedData)
	}
}
