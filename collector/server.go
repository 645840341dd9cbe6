// Package collector is the edge: the public HTTP interface that browsers call.
// It decodes what arrives into values of its own, finds the client's address,
// checks where a call comes from, and turns outcomes into answers. What may be
// kept is not decided here but in the pipeline.
package collector

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"kelisim/banner"
	"kelisim/collector/limit"
	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/pipeline"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
	"kelisim/storage/journal"
)

// Ledger makes decisions durable before it returns.
type Ledger interface {
	Decide(ctx context.Context, d journal.Decided) error
	Refuse(ctx context.Context, key journal.CountKey) error
	Erase(ctx context.Context, e journal.Erasure) error
	Show(key journal.CountKey)
	Drop(site string, day time.Time, o outcome.Outcome, n int)
}

// Events gives every event of a call its outcome.
type Events interface {
	Process(ctx context.Context, r pipeline.Request) (pipeline.Result, error)
}

// Options of the public server. Every field is needed but Proxies.
type Options struct {
	Catalogue *policy.Catalogue // to begin with; Serve replaces it
	Banner    *banner.Banner
	Assets    *banner.Assets
	Keys      *consent.Keyring
	Revoked   *consent.Revocations
	Ledger    Ledger
	Pipeline  Events
	Agents    enrich.Agents // to leave crawlers out of the count of banners shown
	Held      Holdings
	Ready     func(ctx context.Context) error // why the node is not ready, or nil
	Limits    *limit.Limiter
	Proxies   Proxies // whose X-Forwarded-For is believed; default nobody's

	EraseWorkingDays int // what a person who demands erasure is promised; default 1
	Bounds           Bounds

	Logger *slog.Logger
	Now    func() time.Time
	Random io.Reader
}

// Server is the public HTTP interface.
type Server struct {
	o       Options
	served  atomic.Pointer[served]
	replays *replays
	pages   *privacyPages
	busy    *locks        // one decision of a browser at a time
	waits   chan struct{} // demands that wait for their erasure
	calls   sync.Pool
	packed  packed
	figures *figures
}

// New makes a server.
func New(o Options) (*Server, error) {
	for _, missing := range []bool{
		o.Catalogue == nil, o.Banner == nil, o.Assets == nil, o.Keys == nil, o.Revoked == nil, o.Ledger == nil,
		o.Pipeline == nil, o.Agents == nil, o.Held == nil, o.Ready == nil, o.Limits == nil, o.Logger == nil, o.Now == nil, o.Random == nil,
	} {
		if missing {
			return nil, errors.New("collector: every option but Proxies is needed")
		}
	}
	if o.EraseWorkingDays == 0 {
		o.EraseWorkingDays = 1
	}
	o.Bounds = o.Bounds.withDefaults()
	r, err := newReplays(o.Now)
	if err != nil {
		return nil, err
	}
	pages, err := newPrivacyPages()
	if err != nil {
		return nil, err
	}
	count := newFigures()
	o.Pipeline = counted{o.Pipeline, count}
	s := &Server{
		o: o, figures: count, replays: r, pages: pages, busy: &locks{seed: maphash.MakeSeed()}, waits: make(chan struct{}, eraseWaits),
		calls: sync.Pool{New: func() any { return new(call) }},
	}
	if err := s.Serve(o.Catalogue); err != nil {
		return nil, err
	}
	return s, nil
}

// Bounds keep clients that are slow, or many, from taking what others need. Each
// connection takes some 15 KiB.
type Bounds struct {
	Read        time.Duration // from the first byte of a request to its last; default 10 s
	Write       time.Duration // of an answer; default 10 s
	Idle        time.Duration // between two requests of a connection; default 60 s
	Connections int           // at one time; default 16,384
}

func (b Bounds) withDefaults() Bounds {
	for _, d := range []struct {
		to  *time.Duration
		def time.Duration
	}{{&b.Read, 10 * time.Second}, {&b.Write, 10 * time.Second}, {&b.Idle, time.Minute}} {
		if *d.to == 0 {
			*d.to = d.def
		}
	}
	if b.Connections == 0 {
		b.Connections = 16 << 10
	}
	return b
}

// headerBuffer is the most that the headers of a request may take: where the
// collector lives at a path of the site, all cookies of the site are in them.
const headerBuffer = 16 << 10

const eventsPath = "/v1/events"

// App makes the Fiber application with all public routes.
func (s *Server) App() *fiber.App {
	app := fiber.New(fiber.Config{
		AppName: "kelisim", ServerHeader: "", DisableStartupMessage: true,
		BodyLimit: maxBody, ReadBufferSize: headerBuffer, DisablePreParseMultipartForm: true, Concurrency: s.o.Bounds.Connections,
		ReadTimeout: s.o.Bounds.Read, WriteTimeout: s.o.Bounds.Write, IdleTimeout: s.o.Bounds.Idle,
		ErrorHandler: s.unread,
	})
	guard := recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: s.panicked})
	app.Post(eventsPath, s.measured, guard, s.postEvents) // first, because nearly all requests are for it
	app.Use(s.measured, guard)
	app.Get("/livez", func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	app.Get("/readyz", s.readyz)
	app.Post("/v1/consent", s.postConsent)
	app.Post("/privacy/:site", s.postPrivacy)
	app.Get("/privacy/style.css", s.paced(limit.Others), s.privacyStyle)
	app.Get("/privacy/:site", s.paced(limit.Rights), s.getPrivacy)
	app.Use(s.paced(limit.Others))
	for _, path := range []string{eventsPath, "/v1/consent", "/v1/banner"} {
		app.Options(path, s.preflight)
	}
	app.Get("/integrity.json", s.integrity)
	app.Get("/k.js", s.loader)
	app.Get("/k.:hash.js", s.pinnedLoader)
	app.Get("/a/:hash/:file", s.asset)
	app.Get("/adapters/:file", s.adapter)
	app.Get("/openapi.yaml", s.openapi)
	app.Get("/.well-known/gpc.json", s.getGPC)
	app.Get("/v1/banner", s.getBanner)
	app.Get("/v1/services", s.getServices)
	app.Get("/v1/consent", s.getConsent)
	return app
}

// panicked says where a handler panicked. What it panicked with could repeat the
// request; a stack names functions and lines and no content.
func (s *Server) panicked(_ *fiber.Ctx, value any) {
	s.o.Logger.Error("collector: a handler panicked", "type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
}

// resourcePolicy says whose pages may embed an answer.
const resourcePolicy = "Cross-Origin-Resource-Policy"

// headers are the same on every answer. The server asks for no client hints.
func headers(c *fiber.Ctx) {
	h := &c.Response().Header
	h.SetCanonical([]byte(fiber.HeaderXContentTypeOptions), []byte("nosniff"))
	h.SetCanonical([]byte(fiber.HeaderReferrerPolicy), []byte("strict-origin"))
	h.SetCanonical([]byte(resourcePolicy), []byte("same-site"))
}

func (s *Server) readyz(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	if err := s.o.Ready(c.UserContext()); err != nil {
		return c.Status(fiber.StatusServiceUnavailable).SendString(err.Error() + "\n")
	}
	return c.SendString("ready\n")
}

// Faults that several calls share.
var (
	unknownSite   = &fault{status: 404, Code: "unknown_site", Message: "no policy is configured for this site", Field: "site"}
	foreignOrigin = &fault{status: 403, Code: "origin", Message: "the request comes from a host that the site's policy does not name"}
	unavailable   = &fault{status: 503, Code: "unavailable", Message: "nothing could be made durable: try again", retry: 5 * time.Second}
)

// fail answers with a fault.
func fail(c *fiber.Ctx, f *fault) error {
	if f.retry > 0 {
		c.Set(fiber.HeaderRetryAfter, seconds(f.retry))
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(f.status).JSON(map[string]*fault{"error": f})
}

// handleError is the one place where an error of a handler becomes an answer. It
// repeats nothing of the request.
func (s *Server) handleError(c *fiber.Ctx, err error) error {
	var fe *fiber.Error
	if errors.As(err, &fe) {
		switch fe.Code {
		case fiber.StatusNotFound, fiber.StatusMethodNotAllowed:
			return fail(c, &fault{status: fe.Code, Code: "not_found", Message: "there is no such call"})
		case fiber.StatusRequestEntityTooLarge:
			return fail(c, &fault{status: fe.Code, Code: "too_large", Message: "the body is larger than 64 KiB"})
		case fiber.StatusRequestHeaderFieldsTooLarge:
			return fail(c, &fault{status: fe.Code, Code: "too_large", Message: "the headers are too large"})
		case fiber.StatusRequestTimeout:
			return fail(c, &fault{status: fe.Code, Code: "timeout", Message: "the request took too long to arrive"})
		}
		if fe.Code < 500 {
			return fail(c, &fault{status: fe.Code, Code: "bad_request", Message: "the request cannot be understood"})
		}
	}
	s.o.Logger.Error("collector: a handler failed", "error_type", errorType(err))
	return fail(c, &fault{status: 500, Code: "internal", Message: "something went wrong"})
}
