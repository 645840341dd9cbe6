package collector

import (
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/collector/limit"
	"kelisim/consent"
	"kelisim/pipeline/outcome"
)

// Who calls too fast is asked to wait. What is counted as one client, and for how
// long, is in the package limit.
var (
	calledTooFast  = &fault{status: fiber.StatusTooManyRequests, Code: "too_fast", Message: "too many requests come from this network: wait a little"}
	demandedBefore = &fault{status: fiber.StatusTooManyRequests, Code: "too_fast", Message: "this was demanded already and is under way: wait a minute", retry: time.Minute}
)

// paced holds back who reads too fast.
func (s *Server) paced(b limit.Bucket) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if wait := s.wait(c, b); wait > 0 {
			return s.tooFast(c, wait)
		}
		return c.Next()
	}
}

// wait takes a token of the client and returns how long it has to wait.
func (s *Server) wait(c *fiber.Ctx, b limit.Bucket) time.Duration {
	var said said
	said.read(c)
	return s.o.Limits.Client(b, s.client(c, said.forwarded), s.o.Now())
}

// ends reports whether a call takes back a consent that stands, as refusing
// everything does as well. It is never asked to wait: it can be made once for each
// consent, and consents are given no faster than the limit.
func (s *Server) ends(site site, action, token string) bool {
	if action != string(consent.Withdraw) && action != string(consent.RefuseAll) {
		return false
	}
	d, _ := s.live(site, token, s.o.Now())
	return !d.IsZero()
}

// orTooFast answers with a fault, or with a 429 where the client has to wait.
func (s *Server) orTooFast(c *fiber.Ctx, wait time.Duration, f *fault) error {
	if wait > 0 {
		return s.tooFast(c, wait)
	}
	return fail(c, f)
}

// dropped counts events that came too fast, and answers.
func (s *Server) dropped(c *fiber.Ctx, wait time.Duration, site string, received time.Time, n int) error {
	s.o.Ledger.Drop(site, received, outcome.TooFast, n)
	s.figures.site(site)[outcome.TooFast].Add(uint64(n))
	return s.tooFast(c, wait)
}

func (s *Server) tooFast(c *fiber.Ctx, wait time.Duration) error {
	f := *calledTooFast
	f.retry = wait
	return fail(c, &f)
}

// seconds is a wait as Retry-After has it, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
