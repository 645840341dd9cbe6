package collector

import (
	"context"
	"errors"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/pipeline"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
)

// route is a group of calls that are measured together.
type route uint8

const (
	routeEvents route = iota
	routeDecision
	routeState
	routeBanner
	routePrivacy
	routeScript
	routeHealth
	routeOther
	routeUnread // what could not be read as a request
	routes
)

var routeNames = [routes]string{"events", "decision", "state", "banner", "privacy", "script", "health", "other", "unread"}

// routeOf groups the calls, by method and pattern.
var routeOf = map[string]route{
	"POST /v1/consent": routeDecision, "GET /v1/consent": routeState, "GET /v1/banner": routeBanner,
	"GET /privacy/:site": routePrivacy, "POST /privacy/:site": routePrivacy, "GET /privacy/style.css": routePrivacy,
	"GET /k.js": routeScript, "GET /k.:hash.js": routeScript, "GET /a/:hash/:file": routeScript, "GET /adapters/:file": routeScript, "GET /integrity.json": routeScript,
	"GET /livez": routeHealth, "GET /readyz": routeHealth,
}

// Classes of answers, by the first digit of their status.
const (
	firstClass = 2
	classes    = 4
)

// Latencies are counted by powers of two: the first step holds what took up to
// leastStep, the last what took longer than any before.
const (
	leastStep = 64 * time.Microsecond
	steps     = 18 // up to 4.2 s, and beyond
)

// Steps are the upper bounds of the steps in which latencies are counted; what
// took longer counts in one step more.
func Steps() []time.Duration {
	out := make([]time.Duration, steps-1)
	for i := range out {
		out[i] = leastStep << i
	}
	return out
}

// taken counts the answers of one route and class, by how long they took.
type taken struct {
	steps [steps]atomic.Uint64
	sum   atomic.Int64 // nanoseconds
}

func (t *taken) add(d time.Duration) {
	step := bits.Len64(uint64(max(d-1, 0)) / uint64(leastStep))
	t.steps[min(step, steps-1)].Add(1)
	t.sum.Add(int64(d))
}

// figures count what the edge does. They hold nothing about anybody.
type figures struct {
	taken [routes][classes]taken

	mu    sync.Mutex // held while a site is added
	sites atomic.Pointer[map[string]*siteFigures]
}

// siteFigures count the events of one site by what they were answered with:
// outcome.Stored is what was accepted.
type siteFigures [outcome.Count]atomic.Uint64

func newFigures() *figures {
	f := &figures{}
	f.sites.Store(&map[string]*siteFigures{})
	return f
}

// site is the figures of a site that a policy is configured for.
func (f *figures) site(id string) *siteFigures {
	if s, ok := (*f.sites.Load())[id]; ok {
		return s
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	before := *f.sites.Load()
	if s, ok := before[id]; ok {
		return s
	}
	after, s := make(map[string]*siteFigures, len(before)+1), new(siteFigures)
	for id, s := range before {
		after[id] = s
	}
	after[id] = s
	f.sites.Store(&after)
	return s
}

// answered counts an answer: which call it was to, and how long it took from
// where the request had arrived.
func (f *figures) answered(r route, status int, took time.Duration) {
	class := min(max(status/100-firstClass, 0), classes-1)
	f.taken[r][class].add(took)
}

// measured counts the answers of the calls behind it, also of those that fail.
func (s *Server) measured(c *fiber.Ctx) error {
	headers(c)
	if err := c.Next(); err != nil {
		if err = s.handleError(c, err); err != nil {
			return err
		}
	}
	r, known := routeOther, false
	if at := c.Route(); at.Path == eventsPath {
		r = routeEvents
	} else if r, known = routeOf[at.Method+" "+at.Path]; !known {
		r = routeOther
	}
	s.figures.answered(r, c.Response().StatusCode(), time.Since(c.Context().Time()))
	return nil
}

// unread answers and counts what could not be read as a request.
func (s *Server) unread(c *fiber.Ctx, err error) error {
	err = s.handleError(c, err)
	s.figures.answered(routeUnread, c.Response().StatusCode(), 0)
	return err
}

// counted counts what becomes of events.
type counted struct {
	Events
	figures *figures
}

// Process gives every event of a call its outcome.
func (e counted) Process(ctx context.Context, r pipeline.Request) (pipeline.Result, error) {
	result, err := e.Events.Process(ctx, r)
	site := e.figures.site(r.Site)
	if err != nil {
		if errors.Is(err, spool.ErrFull) {
			site[outcome.Full].Add(uint64(r.Events.Len()))
		}
		return result, err
	}
	if result.Accepted > 0 {
		site[outcome.Stored].Add(uint64(result.Accepted))
	}
	if result.Accepted < uint32(r.Events.Len()) {
		for o, n := range result.Drops {
			if n > 0 {
				site[o].Add(uint64(n))
			}
		}
	}
	return result, nil
}

// Stats are the figures of a server since it was made.
type Stats struct {
	Routes []RouteStats
	Sites  map[string]SiteStats
}

// RouteStats are the answers to a group of calls that have one class of status.
type RouteStats struct {
	Route, Class string
	Steps        []uint64 // how many took no longer than each of Steps and longer than the one before, and how many longer than all
	Seconds      float64  // altogether
}

// SiteStats count the events of a site by what they were answered with;
// outcome.Stored is what was accepted.
type SiteStats [outcome.Count]uint64

// Stats are the figures of now.
func (s *Server) Stats() Stats {
	out := Stats{Sites: map[string]SiteStats{}}
	for r := range s.figures.taken {
		for class := range s.figures.taken[r] {
			t := &s.figures.taken[r][class]
			one := RouteStats{Route: routeNames[r], Class: string(rune('0'+firstClass+class)) + "xx", Steps: make([]uint64, steps), Seconds: float64(t.sum.Load()) / 1e9}
			for i := range t.steps {
				one.Steps[i] = t.steps[i].Load()
			}
			out.Routes = append(out.Routes, one)
		}
	}
	for id, f := range *s.figures.sites.Load() {
		var one SiteStats
		for o := range f {
			one[o] = f[o].Load()
		}
		out.Sites[id] = one
	}
	return out
}
