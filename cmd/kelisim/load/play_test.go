package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/consent/policy"
	"kelisim/policies"
)

// demo is the policy of the demo site.
func demo(t testing.TB) *policy.Policy {
	t.Helper()
	p, problems := policy.Parse("demo.yaml", policies.Demo())
	if len(problems) > 0 {
		t.Fatal(problems.Err())
	}
	return p
}

// played runs a player against a handler.
func played(t *testing.T, o Options, h http.HandlerFunc) Report {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	o.URL, o.Policy = server.URL, demo(t)
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestNoCoordinatedOmission: a collector that stands still for a second shows in
// the latencies of all calls that were due meanwhile, not of those alone that it
// kept waiting.
func TestNoCoordinatedOmission(t *testing.T) {
	var once sync.Once
	var mu sync.RWMutex
	began := time.Now()
	still := func(w http.ResponseWriter, _ *http.Request) {
		if time.Since(began) > time.Second {
			once.Do(func() {
				mu.Lock()
				defer mu.Unlock()
				<-time.NewTimer(time.Second).C
			})
		}
		mu.RLock()
		defer mu.RUnlock()
		w.WriteHeader(http.StatusNoContent)
	}
	o := Options{Plain: true, Duration: 3 * time.Second, Connections: 4, Visitors: 50}
	closed := played(t, o, still)
	began, once, o.Rate = time.Now(), sync.Once{}, 400
	open := played(t, o, still)
	// A third of the calls were due while it stood still: half of these waited
	// for more than half a second.
	if l := open.Latency.Events; l.P90 < 400 || l.P99 < 700 || l.Max < 900 {
		t.Errorf("open loop: p90 %.0f ms, p99 %.0f ms, max %.0f ms: the stall is hidden", l.P90, l.P99, l.Max)
	}
	if n := open.Latency.Events.Calls; n < 1150 || n > 1250 {
		t.Errorf("%d calls at 400/s in 3 s", n)
	}
	if l := closed.Latency.Events; l.P90 > 400 {
		t.Errorf("closed loop: p90 %.0f ms: this is not the difference between the two", l.P90)
	}
}

// script is a collector that does what a test says.
type script struct {
	mu     sync.Mutex
	bodies []map[string]any
	at     []time.Time
	next   func(n int, w http.ResponseWriter, body []byte)
}

func (s *script) serve(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body) // a cut body is no JSON
	var body map[string]any
	_ = json.Unmarshal(raw, &body) // the test looks at it
	s.mu.Lock()
	n := len(s.bodies)
	s.bodies, s.at = append(s.bodies, body), append(s.at, time.Now())
	s.mu.Unlock()
	s.next(n, w, raw)
}

func cut(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// TestUnansweredCallsAreRepeated: with the same body and the word that it is a
// repeat; what was known already then is acknowledged.
func TestUnansweredCallsAreRepeated(t *testing.T) {
	s := &script{next: func(n int, w http.ResponseWriter, _ []byte) {
		switch n {
		case 0, 1:
			cut(w)
		case 2:
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"accepted":0,"dropped":{"duplicate":1}}`)
		default:
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"accepted":1,"dropped":{}}`)
		}
	}}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	defer server.Close()
	p, err := New(Options{
		URL: server.URL, Policy: demo(t), Mix: MixEvents, Shares: Shares{NoConsent: 1},
		Connections: 1, Visitors: 1, Rate: 20, Duration: 500 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Play(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		if s.bodies[n]["again"] != true {
			t.Errorf("repeat %d does not say that it is one", n)
		}
		delete(s.bodies[n], "again")
		if d := cmp.Diff(s.bodies[0], s.bodies[n]); d != "" {
			t.Errorf("repeat %d has another body (-first +repeat)\n%s", n, d)
		}
	}
	if _, said := s.bodies[0]["again"]; said || len(s.bodies) < 5 || s.bodies[3]["again"] != nil {
		t.Error("a call that is no repeat says that it is one")
	}
	r := p.Report()
	if r.Cut != 2 || r.Repeats != 2 || r.GivenUp != 0 || r.Dropped["duplicate"] != 1 {
		t.Errorf("cut %d, repeats %d, given up %d, dropped %v; want 2, 2, 0 and a duplicate", r.Cut, r.Repeats, r.GivenUp, r.Dropped)
	}
	v, err := p.Ledger().Check(t.Context(), &table{}, p.Since())
	if err != nil || v.Acknowledged != uint64(len(s.bodies)-2) || v.Unanswered != 0 {
		t.Errorf("acknowledged %d of %d; %v", v.Acknowledged, len(s.bodies)-2, err)
	}
}

// TestRetryAfterIsHonoured: who is told to wait waits, and repeats the same body
// without calling it unanswered.
func TestRetryAfterIsHonoured(t *testing.T) {
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		s := &script{next: func(n int, w http.ResponseWriter, _ []byte) {
			if n == 0 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(status)
				return
			}
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"accepted":1,"dropped":{}}`)
		}}
		r := played(t, Options{Mix: MixEvents, Shares: Shares{NoConsent: 1}, Connections: 1, Visitors: 1, Rate: 50, Duration: 200 * time.Millisecond}, s.serve)
		if waited := s.at[1].Sub(s.at[0]); waited < 990*time.Millisecond {
			t.Errorf("%d: repeated after %s, want a second", status, waited)
		}
		if d := cmp.Diff(s.bodies[0], s.bodies[1]); d != "" {
			t.Errorf("%d: the repeat has another body\n%s", status, d)
		}
		if r.Statuses[status] != 1 {
			t.Errorf("statuses %v", r.Statuses)
		}
	}
}

// TestGivenUp: a call that never gets an answer leaves events of which nobody
// knows, and a run that gets none at all is an error.
func TestGivenUp(t *testing.T) {
	s := &script{next: func(n int, w http.ResponseWriter, _ []byte) {
		if n > 0 {
			cut(w)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"accepted":1,"dropped":{}}`)
	}}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	defer server.Close()
	o := Options{
		URL: server.URL, Policy: demo(t), Mix: MixEvents, Shares: Shares{NoConsent: 1},
		Connections: 1, Visitors: 1, Duration: 300 * time.Millisecond, Patience: 200 * time.Millisecond,
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Play(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := p.Ledger().Check(t.Context(), &table{}, p.Since())
	if r := p.Report(); err != nil || r.GivenUp == 0 || v.Unanswered != r.GivenUp || v.Acknowledged != 1 {
		t.Errorf("given up %d, unanswered %d, acknowledged %d; %v", r.GivenUp, v.Unanswered, v.Acknowledged, err)
	}
	server.Close()
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("a run without an answer is no error")
	}
}

// TestRefusersSendNothing, and nobody sends anything before a choice; each has a
// token of their own.
func TestVisitorsAreHonest(t *testing.T) {
	var mu sync.Mutex
	asked, tokens, events := map[string]bool{}, map[string]string{}, 0
	played(t, Options{Shares: Usual(), Duration: time.Second, Connections: 4, Visitors: 200, Seed: 7}, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body) // a cut body fails below
		who := r.Header.Get("X-Forwarded-For") + r.UserAgent()
		mu.Lock()
		defer mu.Unlock()
		switch {
		case strings.HasPrefix(r.URL.Path, "/v1/banner"):
			asked[who] = true
			fmt.Fprint(w, `{"edition":"0123456789abcdef"}`)
		case r.URL.Path == "/v1/consent":
			if !asked[who] || !bytes.Contains(raw, []byte(`"edition":"0123456789abcdef"`)) {
				t.Error("a decision of somebody who saw no banner")
			}
			cookie, age := "", -1
			if !bytes.Contains(raw, []byte("refuse_all")) && !bytes.Contains(raw, []byte(`"withdraw"`)) {
				cookie, age = fmt.Sprintf("token-%d", len(tokens)), 1000
				tokens[cookie] = who
			}
			http.SetCookie(w, &http.Cookie{Name: "kelisim", Value: cookie, MaxAge: age})
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"state":"x","id":"00000000-0000-0000-0000-%012d"}`, len(tokens))
		default:
			events++
			c, err := r.Cookie("kelisim")
			if err != nil || tokens[c.Value] != who {
				t.Errorf("events without a token of one's own: %v", err)
			}
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"accepted":1,"dropped":{}}`)
		}
	})
	if events < 500 || len(tokens) < 50 {
		t.Errorf("only %d events under %d tokens", events, len(tokens))
	}
}

// TestWhereVisitorsMayBePlayed: on test sites alone, and on this machine or a
// host of the site.
func TestWhereVisitorsMayBePlayed(t *testing.T) {
	p := demo(t)
	for url, ok := range map[string]bool{
		"http://127.0.0.1:1": true, "http://localhost:1": true, "http://[::1]:1": true, "http://127.8.8.8": true,
		"http://198.51.100.7": false, "https://shop.example.com": false, "http://localhost.example.com": false, "http://0.0.0.0:1": false,
		"127.0.0.1:80": false, "ftp://127.0.0.1": false, "": false,
	} {
		if _, err := New(Options{URL: url, Policy: p}); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
	real := *p
	real.Test = false
	if _, err := New(Options{URL: "http://127.0.0.1:1", Policy: &real}); err == nil {
		t.Error("a site with real figures is played on")
	}
	staged := *p
	staged.Hosts = append(staged.Hosts[:len(staged.Hosts):len(staged.Hosts)], "test.example.com")
	if _, err := New(Options{URL: "https://test.example.com", Policy: &staged}); err != nil {
		t.Error(err)
	}
}
