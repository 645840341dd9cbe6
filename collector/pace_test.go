package collector

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
	"kelisim/storage/journal"
)

// form is what the buttons of the privacy page send.
const form = "application/x-www-form-urlencoded"

// slow is an edge whose clients may call four times a second, and read or send
// events forty times at once; their decisions are eight at once.
func slow(t *testing.T) *edge {
	e := newEdge(t, spool.Options{})
	e.server.o.Limits = limits(t, 4, e.clock)
	e.server.o.Proxies = Proxies{netip.MustParsePrefix("0.0.0.0/32")} // where a test comes from
	return e
}

const (
	inOffice  = "203.0.113.77"
	elsewhere = "203.0.113.78"
)

func (e *edge) from(address, method, path, body string, headers ...string) (*http.Response, string) {
	e.t.Helper()
	return e.send(method, path, body, append(headers, "X-Forwarded-For", address)...)
}

// flood calls until it has to wait, and returns how often it had not to.
func (e *edge) flood(address, method, path, body string, headers ...string) (before int, last *http.Response, answer string) {
	e.t.Helper()
	for range 100 {
		if last, answer = e.from(address, method, path, body, headers...); last.StatusCode == 429 {
			return before, last, answer
		}
		before++
	}
	e.t.Fatalf("%s %s is never held back", method, path)
	return 0, nil, ""
}

// outcomes are those that lie in the spool, by outcome and detail.
func (e *edge) outcomes() map[string]uint64 {
	e.t.Helper()
	frames, _, err := e.spool.Read(e.t.Context(), e.spool.Checkpoint(), 8<<20)
	if err != nil {
		e.t.Fatal(err)
	}
	sums := map[string]uint64{}
	for _, f := range frames {
		if f.Kind() != spool.Outcomes {
			continue
		}
		all, err := journal.DecodeOutcomes(f.Payload())
		if err != nil {
			e.t.Fatal(err)
		}
		for _, o := range all {
			sums[o.Site+" "+o.Outcome+" "+o.Detail] += o.N
		}
	}
	return sums
}

// Events that come too fast are refused, each is counted, and nothing of them
// costs the disk; whoever calls from elsewhere notices nothing.
func TestEventsTooFast(t *testing.T) {
	e := slow(t)
	three := strings.Replace(fmt.Sprintf(pageview, 1), `"events":[`, `"events":[{"seq":2,"name":"pageview"},{"unknown":1},`, 1)
	before, res, body := e.flood(inOffice, "POST", "/v1/events", three)
	if before != 40 || res.Header.Get("Retry-After") != "1" || !strings.Contains(body, `"code":"too_fast"`) || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("after %d calls: %v %s", before, res.Header, body)
	}
	end := e.spool.End()
	for range 9 {
		if res, _ := e.from(inOffice, "POST", "/v1/events", three); res.StatusCode != 429 {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	if e.spool.End() != end {
		t.Error("a refused call was written to the spool at once")
	}
	if err := e.journal.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, o := e.outcomes(), outcome.TooFast
	if n := got["demo "+o.String()+" "+o.Detail()]; n != 30 {
		t.Errorf("10 calls of 3 events were refused, counted are %d: %v", n, got)
	}
	if res, _ := e.from(elsewhere, "POST", "/v1/events", three); res.StatusCode != 202 {
		t.Errorf("from elsewhere: status %d", res.StatusCode)
	}
	e.advance(time.Second)
	if res, _ := e.from(inOffice, "POST", "/v1/events", three); res.StatusCode != 202 {
		t.Errorf("a second later: status %d", res.StatusCode)
	}
}

// What cannot be read, and what is for no site, is held back as well.
func TestNonsenseTooFast(t *testing.T) {
	for i, call := range [][2]string{
		{"/v1/events", "{"}, {"/v1/events", strings.Replace(fmt.Sprintf(pageview, 1), "demo", "none", 1)},
		{"/v1/consent", "{"}, {"/v1/consent", strings.Replace(slow(t).decision("withdraw", "1"), "demo", "none", 1)}, {"/privacy/none", "action=erase"},
	} {
		if before, _, _ := slow(t).flood(inOffice, "POST", call[0], call[1], "Content-Type", form); before != 40 && before != 8 {
			t.Errorf("call %d went on %d times", i, before)
		}
	}
	e := slow(t)
	for path, want := range map[string]int{"/privacy/demo": 8, "/k.js": 40} { // neither has what is left of the other
		if before, _, _ := e.flood(inOffice, "GET", path, ""); before != want {
			t.Errorf("%s went on %d times, want %d", path, before, want)
		}
	}
	for _, path := range []string{"/v1/banner?site=demo", "/v1/consent?site=demo", "/privacy/style.css", "/none"} {
		if before, _, _ := slow(t).flood(inOffice, "GET", path, ""); before != 40 {
			t.Errorf("%s went on %d times", path, before)
		}
	}
	for range 100 {
		for _, path := range []string{"/livez", "/readyz"} {
			if res, _ := e.from(inOffice, "GET", path, ""); res.StatusCode != 200 {
				t.Fatalf("%s: status %d", path, res.StatusCode)
			}
		}
	}
}

// A flood behind an address, of events or of decisions, keeps nobody there from
// taking back a consent.
func TestNobodyIsKeptFromTakingBack(t *testing.T) {
	for _, way := range []string{"withdraw", "refuse_all", "page"} {
		e := slow(t)
		accepted, _ := e.from(inOffice, "POST", "/v1/consent", e.decision("accept_all", "1"))
		kept := jar(accepted)
		e.flood(inOffice, "POST", "/v1/events", fmt.Sprintf(pageview, 1))
		e.flood(inOffice, "GET", "/v1/banner?site=demo", "")
		if res, body := e.from(inOffice, "POST", "/v1/consent", e.decision("refuse_all", "2")); res.StatusCode != 201 {
			t.Fatalf("a decision after a flood of events: %d %s", res.StatusCode, body)
		}
		n := 100
		e.flood(inOffice, "POST", "/v1/consent", "{}")
		for _, action := range []string{"accept_all", "refuse_all", "withdraw"} { // none of these takes back a consent that stands
			if n++; e.status("POST", "/v1/consent", e.decision(action, strconv.Itoa(n))) != 429 {
				t.Errorf("%s without a consent is not held back", action)
			}
		}
		if got := e.status("POST", "/v1/consent", e.decision("accept_all", "200"), "Cookie", kept); got != 429 {
			t.Errorf("a consent is no way round the limit: status %d", got)
		}
		withdraw := func(key string) int {
			if way == "page" {
				return e.status("POST", "/privacy/demo", "action=withdraw", "Cookie", kept, "Content-Type", form)
			}
			return e.status("POST", "/v1/consent", e.decision(way, key), "Cookie", kept)
		}
		if got := withdraw("300"); got != 201 && got != 303 {
			t.Errorf("%s: a withdrawal is held back: status %d", way, got)
		}
		if got := withdraw("301"); got != 429 {
			t.Errorf("a second withdrawal of the same consent: status %d", got)
		}
	}
}

func (e *edge) status(method, path, body string, headers ...string) int {
	e.t.Helper()
	res, _ := e.from(inOffice, method, path, body, headers...)
	return res.StatusCode
}

// demands is a ledger whose demands are taken, so that their erasure is waited for.
type demands struct {
	Ledger
	demands int
}

func (c *demands) Erase(context.Context, journal.Erasure) error { c.demands++; return nil }

// Demands for erasure are few under one consent, wherever they come from, and
// those that wait for their erasure at one time are few altogether.
func TestDemandsAreBounded(t *testing.T) {
	e := slow(t)
	ledger := &demands{Ledger: e.journal}
	e.server.o.Ledger = ledger
	accepted, _ := e.from(inOffice, "POST", "/v1/consent", e.decision("accept_all", "1"))
	demand := func(i int) int {
		res, _ := e.from("198.51.100."+strconv.Itoa(i), "POST", "/privacy/demo", "action=erase", "Cookie", jar(accepted), "Content-Type", form)
		return res.StatusCode
	}
	for i := range 6 {
		if want := map[bool]int{true: 303, false: 429}[i < 3]; demand(i) != want {
			t.Errorf("demand %d is not answered with %d", i, want)
		}
	}
	if ledger.demands != 3 {
		t.Errorf("%d demands were taken", ledger.demands)
	}
	e.advance(time.Minute)
	for range cap(e.server.waits) {
		e.server.waits <- struct{}{}
	}
	began := time.Now()
	if got := demand(7); got != 303 || ledger.demands != 4 {
		t.Errorf("a demand among many: status %d, %d taken", got, ledger.demands)
	}
	if took := time.Since(began); took > eraseWithin/2 {
		t.Errorf("it waited %s with the others", took)
	}
}

// Refusals reach no log.
func TestTooFastIsQuiet(t *testing.T) {
	e := slow(t)
	var log strings.Builder
	e.server.o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	_, _, body := e.flood(inOffice, "POST", "/v1/events", fmt.Sprintf(pageview, 1))
	if log.Len() > 0 || strings.Contains(body, inOffice) {
		t.Errorf("%s%s", log.String(), body)
	}
}

func (e *edge) advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}
