package collector

import (
	"fmt"
	"testing"
	"time"

	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
)

// of sums the answers of a route and class.
func (s Stats) of(route, class string) (n uint64) {
	for _, one := range s.Routes {
		if one.Route == route && one.Class == class {
			for _, m := range one.Steps {
				n += m
			}
		}
	}
	return n
}

// Every answer is counted once, under its group and class; also those of handlers
// that fail and of paths that nobody knows, whose names are no figures.
func TestAnswersAreCounted(t *testing.T) {
	e := newEdge(t, spool.Options{})
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	for _, call := range [][3]string{
		{"POST", "/v1/events", fmt.Sprintf(pageview, 1)}, {"POST", "/v1/events", "{"}, {"GET", "/v1/events", ""}, {"GET", "/k.js", ""},
		{"GET", "/a/0123456789/none.js", ""}, {"GET", "/v1/banner?site=demo", ""}, {"GET", "/v1/consent?site=demo", ""}, {"GET", "/privacy/demo", ""},
		{"GET", "/privacy/none", ""}, {"GET", "/livez", ""}, {"GET", "/of/one/person", ""},
	} {
		e.send(call[0], call[1], call[2])
	}
	e.server.o.Held = broken{}
	e.send("GET", "/privacy/demo", "", "Cookie", jar(accepted))
	got := e.server.Stats()
	for _, want := range []struct {
		route, class string
		n            uint64
	}{
		{"events", "2xx", 1}, {"events", "4xx", 1}, {"decision", "2xx", 1}, {"state", "2xx", 1}, {"banner", "2xx", 1}, {"script", "2xx", 1}, {"script", "4xx", 1},
		{"privacy", "2xx", 1}, {"privacy", "4xx", 1}, {"privacy", "5xx", 1}, {"health", "2xx", 1}, {"other", "4xx", 2},
	} {
		if n := got.of(want.route, want.class); n != want.n {
			t.Errorf("%s %s: %d, want %d", want.route, want.class, n, want.n)
		}
	}
	var all uint64
	for _, r := range routeNames {
		for _, class := range []string{"2xx", "3xx", "4xx", "5xx"} {
			all += got.of(r, class)
		}
	}
	if all != 13 {
		t.Errorf("%d answers are counted, 13 were given", all)
	}
}

// Every event of a call is counted by what the answer said of it.
func TestEventsAreCounted(t *testing.T) {
	e := newEdge(t, spool.Options{})
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", jar(accepted))
	e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", jar(accepted))
	e.send("POST", "/v1/events", fmt.Sprintf(pageview, 2))
	e.send("POST", "/v1/events", fmt.Sprintf(pageview, 3), "Origin", "https://example.com")
	var want SiteStats
	for _, o := range []outcome.Outcome{outcome.Stored, outcome.Duplicate, outcome.NoToken, outcome.Foreign} {
		want[o] = 1
	}
	if got := e.server.Stats().Sites; len(got) != 1 || got["demo"] != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A latency counts in the step whose bound it does not exceed.
func TestSteps(t *testing.T) {
	bounds := Steps()
	for _, d := range []time.Duration{-time.Second, 0, 1, leastStep, leastStep + 1, time.Millisecond, time.Second, time.Hour} {
		var one taken
		one.add(d)
		at := 0
		for at < len(bounds) && d > bounds[at] {
			at++
		}
		if one.steps[at].Load() != 1 {
			t.Errorf("%s does not count in step %d", d, at)
		}
	}
	if last := bounds[len(bounds)-1]; last < 2*time.Second {
		t.Errorf("the last bound is %s", last)
	}
}

// TestFiguresAlloc: counting costs no memory.
func TestFiguresAlloc(t *testing.T) {
	f, began := newFigures(), time.Now()
	f.site("demo")
	if n := testing.AllocsPerRun(1000, func() {
		f.answered(routeEvents, 202, time.Since(began))
		f.site("demo")[outcome.Stored].Add(1)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkFigures is what is counted of one request with one event.
func BenchmarkFigures(b *testing.B) {
	f, began := newFigures(), time.Now()
	f.site("demo")
	b.ReportAllocs()
	for range b.N {
		f.answered(routeEvents, 202, time.Since(began))
		f.site("demo")[outcome.Stored].Add(1)
	}
}
