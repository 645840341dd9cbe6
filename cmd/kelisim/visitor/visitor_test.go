package visitor_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/cmd/kelisim/visitor"
)

// collector answers as the real one does, and writes down what it was sent.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	calls   []call
	refuse  []int // statuses of the next answers
	consent http.HandlerFunc
}

type call struct {
	method, path, query, body string
	header                    http.Header
	cookies                   map[string]string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{consent: func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "kelisim", Value: "token", MaxAge: 100})
		http.SetCookie(w, &http.Cookie{Name: "kelisim-state", Value: "state", MaxAge: 100})
		w.WriteHeader(http.StatusCreated)
	}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body) // an empty body stands for an error in the comparison
	this := call{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header, map[string]string{}}
	for _, k := range r.Cookies() {
		this.cookies[k.Name] = k.Value
	}
	c.calls = append(c.calls, this)
	if len(c.refuse) > 0 {
		status := c.refuse[0]
		c.refuse = c.refuse[1:]
		w.WriteHeader(status)
		return
	}
	switch r.URL.Path {
	case "/v1/banner":
		_, _ = io.WriteString(w, `{"edition":"0123456789abcdef"}`)
	case "/v1/consent":
		c.consent(w, r)
	case "/v1/events":
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"accepted":1,"dropped":{"bot":2}}`)
	}
}

// said is what was called since the last look.
func (c *collector) said() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

func (c *collector) visitor(change func(*visitor.Options)) *visitor.Visitor {
	o := visitor.Options{
		Base: c.URL, Site: "demo", Origin: "http://localhost", Address: "203.0.113.4", UserAgent: "a browser", Lang: "ru",
		Client: c.Client(), Now: func() time.Time { return time.UnixMilli(1_800_000_000_000) },
	}
	if change != nil {
		change(&o)
	}
	return visitor.New(o)
}

func TestAVisit(t *testing.T) {
	c := newCollector(t)
	v := c.visitor(nil)
	if err := v.Decide(t.Context(), "custom", map[string]bool{"analytics": true}); err != nil {
		t.Fatal(err)
	}
	calls := c.said()
	if len(calls) != 2 || calls[0].path != "/v1/banner" || calls[0].query != "site=demo&lang=ru" || calls[1].method+calls[1].path != "POST/v1/consent" {
		t.Fatalf("calls %+v", calls)
	}
	for _, k := range calls {
		got := []string{k.header.Get("User-Agent"), k.header.Get("Origin"), k.header.Get("X-Forwarded-For"), k.header.Get("Content-Type")}
		if d := cmp.Diff([]string{"a browser", "http://localhost", "203.0.113.4", "text/plain"}, got); d != "" {
			t.Errorf("headers of %s:\n%s", k.path, d)
		}
		if len(k.cookies) != 0 {
			t.Errorf("a new visitor has cookies: %v", k.cookies)
		}
	}
	var decision map[string]any
	if err := json.Unmarshal([]byte(calls[1].body), &decision); err != nil {
		t.Fatal(err)
	}
	if len(decision["key"].(string)) != 36 {
		t.Errorf("key %v", decision["key"])
	}
	delete(decision, "key")
	if d := cmp.Diff(map[string]any{
		"v": 1.0, "site": "demo", "edition": "0123456789abcdef", "lang": "ru", "action": "custom",
		"choices": map[string]any{"analytics": true}, "shown": map[string]any{"variant": "bar-1"},
	}, decision); d != "" {
		t.Errorf("decision:\n%s", d)
	}
	if v.Token() != "token" {
		t.Errorf("token %q", v.Token())
	}
	c.events(t, v)
}

func (c *collector) events(t *testing.T, v *visitor.Visitor) {
	t.Helper()
	page := v.Pageview("http://localhost/a", "https://search.example")
	a, err := v.Send(t.Context(), page, v.Custom("signup", "http://localhost/join", map[string]string{"plan": "free"}), v.Engaged(page, 1500*time.Millisecond))
	if err != nil || a.Accepted != 1 || a.Dropped["bot"] != 2 {
		t.Fatalf("%+v, %v", a, err)
	}
	calls := c.said()
	if d := cmp.Diff(map[string]string{"kelisim": "token", "kelisim-state": "state"}, calls[0].cookies); d != "" {
		t.Errorf("cookies:\n%s", d)
	}
	var sent map[string]any
	if err := json.Unmarshal([]byte(calls[0].body), &sent); err != nil {
		t.Fatal(err)
	}
	first := sent["session"].(map[string]any)["id"].(string)
	if len(first) != 32 || strings.Trim(first, "0") == "" {
		t.Errorf("session %q", first)
	}
	if d := cmp.Diff([]any{
		map[string]any{"seq": 1.0, "name": "pageview", "url": "http://localhost/a", "referrer": "https://search.example"},
		map[string]any{"seq": 2.0, "name": "signup", "url": "http://localhost/join", "props": map[string]any{"plan": "free"}},
		map[string]any{"seq": 1.0, "name": "engagement", "engaged": 1500.0},
	}, sent["events"]); d != "" {
		t.Errorf("events:\n%s", d)
	}
	v.NewSession()
	if e := v.Pageview("http://localhost/", ""); e.Seq != 1 {
		t.Errorf("a new session counts from %d", e.Seq)
	}
	if _, err := v.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := c.said()[0]; strings.Contains(again.body, first) {
		t.Error("a new session has the old id")
	}
}

// TestTakesCookiesAway: a withdrawal's answer ends the token.
func TestTakesCookiesAway(t *testing.T) {
	c := newCollector(t)
	v := c.visitor(nil)
	if err := v.Decide(t.Context(), "accept_all", nil); err != nil {
		t.Fatal(err)
	}
	c.consent = func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "kelisim", MaxAge: -1})
		http.SetCookie(w, &http.Cookie{Name: "kelisim-state", Value: "withdrawn", MaxAge: 100})
		w.WriteHeader(http.StatusCreated)
	}
	if err := v.Decide(t.Context(), "withdraw", nil); err != nil {
		t.Fatal(err)
	}
	if v.Token() != "" {
		t.Errorf("after a withdrawal the token is %q", v.Token())
	}
	if n := len(c.said()); n != 3 {
		t.Errorf("%d calls, want 3: the banner is asked for once", n)
	}
}

// TestRepeatsTheSame: what was not acknowledged is sent again, with the word that it
// is a repeat, and byte by byte from then on; a decision is the same each time.
func TestRepeatsTheSame(t *testing.T) {
	c := newCollector(t)
	v := c.visitor(nil)
	c.refuse = []int{503, 429, 502}
	if _, err := v.Send(t.Context(), v.Pageview("http://localhost/a", "")); err != nil {
		t.Fatal(err)
	}
	calls := c.said()
	if len(calls) != 4 {
		t.Fatalf("%d calls, want 4", len(calls))
	}
	for _, k := range calls[1:] {
		if k.body != strings.Replace(calls[0].body, "{", `{"again":true,`, 1) {
			t.Errorf("a repeat differs:\n%s\n%s", calls[0].body, k.body)
		}
	}
	if err := v.See(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.said()
	c.refuse = []int{503}
	if err := v.Decide(t.Context(), "accept_all", nil); err != nil {
		t.Fatal(err)
	}
	if calls = c.said(); len(calls) != 2 || calls[0].body != calls[1].body {
		t.Errorf("a decision that is repeated: %+v", calls)
	}
}

func TestGivesUp(t *testing.T) {
	c := newCollector(t)
	v := c.visitor(nil)
	c.refuse = []int{400}
	_, err := v.Send(t.Context(), v.Pageview("http://localhost/secret", ""))
	if err == nil || !strings.Contains(err.Error(), "/v1/events: status 400") || len(c.said()) != 1 {
		t.Errorf("a refusal that stays: %v", err)
	}

	impatient := c.visitor(func(o *visitor.Options) { o.PatientFor = 120 * time.Millisecond })
	c.refuse = []int{503, 503, 503, 503, 503, 503, 503, 503}
	if err := impatient.See(t.Context()); err == nil || !strings.Contains(err.Error(), "status 503") {
		t.Errorf("a collector that stays full: %v", err)
	}
	if n := len(c.said()); n < 2 {
		t.Errorf("%d calls, want several", n)
	}

	c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.See(ctx); err == nil {
		t.Error("a visitor that was told to stop went on")
	}
}

// TestWaitsForTheCollector: a collector that is away for a while is waited for.
func TestWaitsForTheCollector(t *testing.T) {
	c := newCollector(t)
	address := c.Listener.Addr().String()
	c.Close()
	v := c.visitor(func(o *visitor.Options) { o.Client = &http.Client{} })
	ended := make(chan error, 1)
	go func() { ended <- v.See(t.Context()) }() // ends with the answer
	time.Sleep(100 * time.Millisecond)
	back := httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	if err := back.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	back.Listener = listen(t, address)
	back.Start()
	defer back.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
