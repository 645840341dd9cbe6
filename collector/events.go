package collector

import (
	"errors"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"kelisim/collector/limit"
	"kelisim/pipeline"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
)

// postEvents takes events. When it answers 202, what it accepted is in the spool.
func (s *Server) postEvents(c *fiber.Ctx) error {
	received := s.o.Now()
	call := s.calls.Get().(*call)
	defer s.calls.Put(call)
	defer call.close()
	said := &call.said
	said.read(c)
	client := s.client(c, said.forwarded)
	wait := s.o.Limits.Client(limit.Events, client, received)
	if f := call.open(c.BodyRaw(), received); f != nil {
		return s.orTooFast(c, wait, f)
	}
	site, ok := s.site(call.site)
	if !ok {
		return s.orTooFast(c, wait, unknownSite)
	}
	if wait > 0 {
		return s.dropped(c, wait, site.id, received, call.Len())
	}
	site.grant(c, said.caller)
	token := call.token
	if name := said.cookies(c, site).token; name != "" {
		if cookie := c.Request().Header.Cookie(name); len(cookie) > 0 {
			token = utils.UnsafeString(cookie)
		}
	}
	refused := outcome.None
	if !said.fromScript(site) {
		refused = outcome.Foreign
	}
	result, err := s.o.Pipeline.Process(c.UserContext(), pipeline.Request{
		Site: site.id, Token: token, Session: call.session, Events: call, Again: call.again,
		Client: enrich.Client{Address: client, Headers: said.agent},
		Signal: said.gpc, Refused: refused, Received: received,
	})
	if err != nil {
		if !errors.Is(err, spool.ErrFull) {
			s.o.Logger.Error("collector: events could not be made durable", "error", err)
		}
		return fail(c, unavailable)
	}
	var body [128]byte
	out := c.Response()
	out.SetStatusCode(fiber.StatusAccepted)
	out.Header.SetContentType(fiber.MIMEApplicationJSON)
	out.Header.SetCanonical([]byte(fiber.HeaderCacheControl), []byte("no-store"))
	out.SetBody(appendAnswer(body[:0], &result))
	return nil
}

// appendAnswer writes the body of a 202: every event of the call is accepted, or
// dropped for a reason. Names of reasons need no quoting.
func appendAnswer(b []byte, r *pipeline.Result) []byte {
	b = strconv.AppendUint(append(b, `{"accepted":`...), uint64(r.Accepted), 10)
	b = append(b, `,"dropped":{`...)
	first := true
	for reason, n := range r.Drops.Reasons() {
		if n == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), outcome.Reason(reason).String()...), `":`...)
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	return append(b, "}}"...)
}
