package load

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/agents"
	"kelisim/pipeline/outcome"
)

// TestScheduleIsFixed: the seed fixes every moment, each in a slot of its own, so
// that any second has its share of calls.
func TestScheduleIsFixed(t *testing.T) {
	began := time.Unix(1_700_000_000, 0)
	a, b, other := newSchedule(began, 250, 5), newSchedule(began, 250, 5), newSchedule(began, 250, 6)
	differ := false
	for n := range uint64(2000) {
		at := a.at(n)
		if b.at(n) != at || a.take(time.Time{}) != at {
			t.Fatalf("call %d is due at two moments", n)
		}
		differ = differ || other.at(n) != at
		if slot := began.Add(time.Duration(n) * 4 * time.Millisecond); at.Before(slot) || !at.Before(slot.Add(4*time.Millisecond)) {
			t.Fatalf("call %d is due %s after its slot begins", n, at.Sub(slot))
		}
	}
	if !differ {
		t.Error("another seed gives the same moments")
	}
}

func testPlayer(t testing.TB, o Options) *Player {
	t.Helper()
	o.URL, o.Policy = "http://127.0.0.1:1", demo(t)
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCrowd: visitors come in the shares and with the means that are wanted, the
// same ones for a seed however many connections play them.
func TestCrowd(t *testing.T) {
	type one struct {
		kind  kind
		from  string
		agent string
		lang  string
	}
	all := func(connections int, seed uint64) map[uint64]one {
		got := map[uint64]one{}
		for _, w := range testPlayer(t, Options{Seed: seed, Shares: Usual(), Visitors: 4000, Connections: connections}).workers {
			for i := range w.crowd {
				v := &w.crowd[i]
				got[v.place] = one{v.kind, v.from, v.browser.agent, v.tongue.header}
			}
		}
		return got
	}
	crowd := all(16, 1)
	if !maps.Equal(crowd, all(7, 1)) {
		t.Error("the visitors depend on the number of connections")
	}
	if maps.Equal(crowd, all(16, 2)) {
		t.Error("another seed gives the same visitors")
	}
	kinds, addresses, browsers := map[kind]float64{}, map[string]bool{}, map[string]bool{}
	for _, v := range crowd {
		kinds[v.kind] += 1.0 / 4000
		addresses[v.from], browsers[v.agent] = true, true
		if a, err := netip.ParseAddr(v.from); err != nil || a.IsPrivate() || a.IsLoopback() || !a.IsGlobalUnicast() {
			t.Fatalf("address %s: %v", v.from, err)
		}
	}
	for k, want := range map[kind]float64{crawls: 0.03, ignores: 0.97 * 0.15, refuses: 0.97 * 0.23, gives: 0.97 * 0.62, trespasses: 0} {
		if math.Abs(kinds[k]-want) > 0.03 {
			t.Errorf("kind %d: share %.3f, want %.3f", k, kinds[k], want)
		}
	}
	if len(addresses) < 3900 || len(browsers) < 90 {
		t.Errorf("%d addresses and %d browsers of 4000 visitors", len(addresses), len(browsers))
	}
}

// TestVisits: five views a visit, 2.4 visits a visitor, pages by the law of Zipf,
// and calls that are as full as they are meant to be.
func TestVisits(t *testing.T) {
	for _, batch := range []int{1, 20} {
		p := testPlayer(t, Options{Visitors: 4000, Connections: 1, Batch: batch})
		w := p.workers[0]
		visits, views, engaged, of := 0, 0, 0, map[string]int{}
		for i := range w.crowd {
			v := &w.crowd[i]
			visits += v.visits
			w.open(v, time.Unix(1_700_000_000, 0))
			s := w.shard.sessions[v.last]
			if n := w.shard.rest(v.at, v.end); n%uint32(batch) != 0 || n == 0 || s.events > 200 {
				t.Fatalf("a visit of %d events with %d a call", n, batch)
			}
			for at := s.first; at < v.end; at += 2 {
				if w.shard.slots[at]&nameOf == 0 {
					views++
					engaged += int(w.shard.slots[at+1] >> 7)
					of[w.world.page(v)]++
				}
			}
		}
		if mean := float64(visits) / 4000; math.Abs(mean-visitsAVisitor) > 0.1 {
			t.Errorf("%.2f visits a visitor, want %.1f", mean, visitsAVisitor)
		}
		if batch > 1 {
			continue // visits are as long as calls want them
		}
		if mean := float64(views) / 4000; math.Abs(mean-viewsAVisit) > 0.3 {
			t.Errorf("%.2f views a visit, want %.1f", mean, viewsAVisit)
		}
		if share := float64(engaged) / float64(views); math.Abs(share-engagedShare) > 0.03 {
			t.Errorf("%.2f of the views have engaged time, want %.2f", share, engagedShare)
		}
		counts := slices.Sorted(maps.Values(of))
		slices.Reverse(counts)
		if r := float64(counts[0]) / float64(counts[9]); r < 6 || r > 15 || len(counts) < 500 {
			t.Errorf("the most wanted page is %.1f times as wanted as the tenth, want about 10; %d pages", r, len(counts))
		}
	}
}

// TestBrowsers: the product takes each for what it is, hints and all.
func TestBrowsers(t *testing.T) {
	people, programs, err := readBrowsers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := agents.New()
	if err != nil {
		t.Fatal(err)
	}
	families, systems := map[string]bool{}, map[string]bool{}
	for _, b := range people {
		a := r.Recognise(enrich.Headers{UserAgent: b.agent, Brands: b.brands, Mobile: b.mobile, Platform: b.platform})
		if a.Bot != outcome.None {
			t.Errorf("taken for a crawler (%v): %s", a.Bot, b.agent)
		}
		families[a.Browser], systems[a.OS] = true, true
	}
	for _, b := range programs {
		if r.Recognise(enrich.Headers{UserAgent: b.agent}).Bot == outcome.None {
			t.Errorf("taken for a person: %s", b.agent)
		}
	}
	if len(people) < 100 || len(families) < 5 || len(systems) < 6 {
		t.Errorf("%d browsers of the families %v on %v", len(people), families, systems)
	}
}
