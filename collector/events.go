package collector

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"kelisim/pipeline"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
)

// eventsAnswer is the body of a 202: every event of the call is in one of the
// two.
type eventsAnswer struct {
	Accepted uint32            `json:"accepted"`
	Dropped  map[string]uint32 `json:"dropped"`
}

// postEvents takes events. When it answers 202, what it accepted is on disk.
func (s *Server) postEvents(c *fiber.Ctx) error {
	received := s.o.Now()
	call, f := decodeEvents(c.BodyRaw(), received)
	if f != nil {
		return fail(c, f)
	}
	site, ok := s.site(call.site)
	if !ok {
		return fail(c, unknownSite)
	}
	names := cookiesFor(c)
	token := names.read(c, names.token)
	if token == "" {
		token = call.token
	}
	refused := outcome.None
	if !callerOf(c).fromScript(site.hosts) {
		refused = outcome.Foreign
	}
	result, err := s.o.Pipeline.Process(c.UserContext(), pipeline.Request{
		Site: site.id, Token: token, Session: call.session, Events: call.events, Malformed: call.malformed,
		Client: enrich.Client{Address: s.client(c), Headers: headersOf(c)},
		Signal: gpc(c), Refused: refused, Received: received,
	})
	if err != nil {
		if !errors.Is(err, spool.ErrFull) {
			s.o.Logger.Error("collector: events could not be made durable", "error", err)
		}
		return fail(c, unavailable)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(fiber.StatusAccepted).JSON(eventsAnswer{Accepted: result.Accepted, Dropped: result.Drops.Drops()})
}
