package collector

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/banner"
	"kelisim/collector/limit"
	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/pipeline"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/agents"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/spool"
	"kelisim/policies"
	"kelisim/storage/journal"
	"kelisim/storage/rights"
)

// edge is a server with a real spool behind it and a clock that can be moved.
type edge struct {
	t       testing.TB
	app     *fiber.App
	spool   *spool.Spool
	server  *Server
	journal *journal.Journal
	mu      sync.Mutex
	now     time.Time
}

// away is a database that cannot be reached.
type away struct{}

func (away) Held(ctx context.Context, _ string, _ consent.ID) (rights.Held, error) {
	return rights.Held{}, errors.Join(errors.New("away"), ctx.Err())
}

func (e *edge) clock() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

func newEdge(t testing.TB, o spool.Options) *edge { return newEdgeOf(t, o, policies.Demo()) }

// What does not change is made once for all tests.
var (
	recognised = sync.OnceValues(agents.New)
	built      = sync.OnceValues(func() (*banner.Assets, error) { return banner.NewAssets(banner.Built()) })
)

// newEdgeOf serves other policies than the demo's.
func newEdgeOf(t testing.TB, o spool.Options, files ...[]byte) *edge {
	t.Helper()
	e := &edge{t: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	var all []*policy.Policy
	for _, file := range files {
		p, problems := policy.Parse("demo.yaml", file)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	catalogue, problems := policy.NewCatalogue(all, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	o.Dir, o.Logger = t.TempDir(), quiet
	var err error
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	e.spool, err = spool.Open(o)
	check(err)
	t.Cleanup(func() { e.spool.Close() })
	j, err := journal.New(e.spool, quiet)
	check(err)
	e.journal = j
	keys, err := consent.NewKeyring(consent.Key{ID: 1, Secret: bytes.Repeat([]byte{7}, 32)})
	check(err)
	recogniser, err := recognised()
	check(err)
	enricher, err := enrich.New(enrich.Options{Agents: recogniser})
	check(err)
	revoked := consent.NewRevocations()
	g, err := gate.New(keys, catalogue, revoked)
	check(err)
	events, err := pipeline.New(pipeline.Options{Gate: g, Enricher: enricher, Minimise: minimise.New(minimise.Options{Networks: minimise.Most()}), Recent: batch.NewRecent(1000), Sink: j, Started: e.now})
	check(err)
	b, err := banner.New(banner.Options{})
	check(err)
	assets, err := built()
	check(err)
	e.server, err = New(Options{
		Catalogue: catalogue, Banner: b, Assets: assets, Keys: keys, Revoked: revoked, Ledger: j, Pipeline: events, Agents: recogniser,
		Held: away{}, Limits: limits(t, 0, e.clock), Ready: func(context.Context) error { return nil }, Logger: quiet, Now: e.clock, Random: rand.Reader,
	})
	check(err)
	e.app = e.server.App()
	return e
}

// limits is a limiter of so many requests a second.
func limits(t testing.TB, rate int, now func() time.Time) *limit.Limiter {
	t.Helper()
	l, err := limit.New(limit.Options{PerSecond: rate, Logger: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const (
	https  = "https://localhost"
	chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)

// request makes a request of a browser; headers are pairs, an empty value takes
// one away.
func (e *edge) request(method, path, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("User-Agent", chrome)
	r.Header.Set("Origin", https)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return r
}

// do sends a request.
func (e *edge) do(r *http.Request) (*http.Response, string) {
	e.t.Helper()
	res, err := e.app.Test(r, 15_000)
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return res, string(b)
}

// send makes one request and sends it.
func (e *edge) send(method, path, body string, headers ...string) (*http.Response, string) {
	e.t.Helper()
	return e.do(e.request(method, path, body, headers...))
}

func (e *edge) edition() string { return e.server.served.Load().catalogue.Keys()["demo"][0] }

// decision is the body of a decision; key tells one call from another.
func (e *edge) decision(action, key string) string {
	return fmt.Sprintf(`{"v":1,"site":"demo","edition":%q,"lang":"kk","action":%q,"key":"00000000-0000-4000-8000-%012s"}`, e.edition(), action, key)
}

func cookies(res *http.Response) map[string]*http.Cookie {
	all := map[string]*http.Cookie{}
	for _, c := range res.Cookies() {
		all[c.Name] = c
	}
	return all
}

func jar(res *http.Response) string {
	var parts []string
	for _, c := range res.Cookies() {
		if c.MaxAge > 0 {
			parts = append(parts, c.Name+"="+c.Value)
		}
	}
	return strings.Join(parts, "; ")
}

const pageview = `{"v":1,"site":"demo","now":2000,"session":{"id":"00112233445566778899aabbccddeeff","start":1000},` +
	`"events":[{"seq":%d,"name":"pageview","url":"https://localhost/a"}]}`

func TestDecisionCookiesAndWithdrawal(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, body := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	if res.StatusCode != 201 || !strings.Contains(body, `"state":"ConsentGiven"`) || strings.Contains(body, "token") {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	set := cookies(res)
	token, marker := set["__Host-kelisim"], set["__Host-kelisim-state"]
	if token == nil || marker == nil {
		t.Fatalf("cookies %v", res.Header["Set-Cookie"])
	}
	if !token.HttpOnly || !token.Secure || token.Path != "/" || token.SameSite != http.SameSiteLaxMode || token.Domain != "" {
		t.Errorf("token cookie: %v", token)
	}
	if marker.HttpOnly || !marker.Secure || marker.Path != "/" || marker.SameSite != http.SameSiteLaxMode || strings.Contains(marker.Value, "-") {
		t.Errorf("state cookie: %v", marker)
	}
	want := int(time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC).Sub(e.clock()) / time.Second)
	if token.MaxAge != want || marker.MaxAge != want {
		t.Errorf("Max-Age %d and %d, want %d", token.MaxAge, marker.MaxAge, want)
	}
	given := jar(res)
	res, body = e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", given)
	if res.StatusCode != 202 || body != `{"accepted":1,"dropped":{}}` {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	// The answer of a page view sets no cookie: a consent is never renewed silently.
	if len(res.Cookies()) != 0 {
		t.Errorf("an event set %v", res.Cookies())
	}
	res, body = e.send("POST", "/v1/consent", e.decision("withdraw", "2"), "Cookie", given)
	if res.StatusCode != 201 || !strings.Contains(body, "ConsentWithdrawn") || strings.Contains(body, `"id"`) {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if c := cookies(res)["__Host-kelisim"]; c == nil || c.Value != "" || !c.Expires.Before(e.clock()) {
		t.Errorf("the token cookie is not taken away: %v", c)
	}
	if _, body = e.send("POST", "/v1/events", fmt.Sprintf(pageview, 2), "Cookie", given); body != `{"accepted":0,"dropped":{"withdrawn":1}}` {
		t.Errorf("after the withdrawal the old token: %s", body)
	}
	if _, body = e.send("GET", "/v1/consent?site=demo", "", "Cookie", given); !strings.Contains(body, "ConsentWithdrawn") {
		t.Errorf("the state is %s", body)
	}
}

func TestPlainCookiesOnLoopbackOnly(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"), "Origin", "http://localhost:8088")
	if set := cookies(res); set["kelisim"] == nil || set["kelisim"].Secure || set["kelisim-state"] == nil {
		t.Errorf("plain http on the machine: %v", res.Header["Set-Cookie"])
	}
	if res, body := e.send("POST", "/v1/consent", e.decision("accept_all", "2"), "Origin", "http://example.com"); res.StatusCode != 403 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestRefusalNamesNobody(t *testing.T) {
	e := newEdge(t, spool.Options{})
	one, body := e.send("POST", "/v1/consent", e.decision("refuse_all", "1"))
	if strings.Contains(body, `"id"`) {
		t.Errorf("a refusal has an id: %s", body)
	}
	e.now = e.now.Add(5 * time.Hour)
	two, _ := e.send("POST", "/v1/consent", e.decision("refuse_all", "2"))
	a, b := cookies(one)["__Host-kelisim-state"], cookies(two)["__Host-kelisim-state"]
	if a == nil || b == nil || a.Value != b.Value {
		t.Errorf("two refusals of one day differ: %v, %v", a, b)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	frames, _, err := e.spool.Read(ended, e.spool.Checkpoint(), 1<<20)
	if err != nil || len(frames) != 2 {
		t.Fatal(len(frames), err)
	}
	for _, f := range frames {
		if f.Kind() != spool.Counts || bytes.Contains(f.Payload(), []byte("00000000-0000-4000")) {
			t.Errorf("a refusal left more than a counter: %s", f.Payload())
		}
	}
}

func TestIdempotentDecisions(t *testing.T) {
	e := newEdge(t, spool.Options{})
	body := e.decision("accept_all", "1")
	var wg sync.WaitGroup
	answers := make([]string, 20)
	for i := range answers {
		wg.Go(func() { _, answers[i] = e.send("POST", "/v1/consent", body) })
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || a == "" {
			t.Fatalf("the same call got different answers: %s, %s", a, answers[0])
		}
	}
	if res, got := e.send("POST", "/v1/consent", e.decision("refuse_all", "1")); res.StatusCode != 409 || !strings.Contains(got, "key_reused") {
		t.Errorf("another body under the same key: %d %s", res.StatusCode, got)
	}
	e.now = e.now.Add(replayFor + time.Second)
	if _, got := e.send("POST", "/v1/consent", body); got == answers[0] {
		t.Error("after ten minutes the answer is still remembered")
	}
}

func TestFaults(t *testing.T) {
	e := newEdge(t, spool.Options{})
	const canary = "canary-d41d8cd98f"
	f := func(status int, code, method, path, body string, headers ...string) {
		t.Helper()
		res, got := e.send(method, path, body, headers...)
		var answer struct{ Error struct{ Code string } }
		if err := json.Unmarshal([]byte(got), &answer); err != nil || res.StatusCode != status || answer.Error.Code != code {
			t.Errorf("%s %s: %d %s; want %d %s", method, path, res.StatusCode, got, status, code)
		}
		if strings.Contains(got, canary) {
			t.Errorf("%s %s repeats what was sent: %s", method, path, got)
		}
		for name := range res.Header {
			if strings.EqualFold(name, "Accept-CH") || strings.EqualFold(name, "Server") {
				t.Errorf("%s %s sends %s", method, path, name)
			}
		}
	}
	f(400, "bad_request", "POST", "/v1/consent", canary)
	f(400, "bad_request", "POST", "/v1/events", `{"v":1,"site":"`+canary+`"`)
	f(404, "unknown_site", "GET", "/v1/banner?site="+canary, "")
	f(404, "unknown_site", "GET", "/privacy/"+canary, "")
	f(404, "unknown_site", "POST", "/v1/events", strings.Replace(fmt.Sprintf(pageview, 1), "demo", canary, 1))
	f(404, "not_found", "GET", "/"+canary+"?"+canary, "")
	f(404, "not_found", "GET", "/a/0123456789/"+canary, "")
	f(403, "origin", "POST", "/v1/consent", e.decision("accept_all", "1"), "Origin", "https://"+canary+".example")
	f(403, "origin", "POST", "/v1/consent", e.decision("accept_all", "1"), "Origin", "", "Sec-Fetch-Site", "cross-site")
	f(403, "origin", "POST", "/privacy/demo", "action=withdraw", "Origin", "https://evil.example", "Content-Type", "application/x-www-form-urlencoded")
	f(400, "bad_request", "POST", "/privacy/demo", "action="+canary, "Content-Type", "application/x-www-form-urlencoded")
	f(400, "bad_request", "POST", "/v1/consent", e.decision(canary, "9"))
	made := strings.TrimSuffix(e.decision("accept_all", "8"), "}") + `,"shown":{"variant":"bar-1","text_sha256":"` + strings.Repeat("0", 64) + `"}}`
	f(409, "text", "POST", "/v1/consent", made)
	f(409, "edition", "POST", "/v1/consent", strings.Replace(e.decision("accept_all", "1"), e.edition(), "0011223344556677", 1))
	f(400, "bad_request", "POST", "/v1/consent", strings.Replace(e.decision("accept_all", "1"), e.edition(), canary, 1))
}

// TestTooLarge goes through a real connection: the limit is kept while the body
// arrives.
func TestTooLarge(t *testing.T) {
	e := newEdge(t, spool.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.app.Listener(l) }) // ends with Shutdown
	t.Cleanup(func() {
		if err := e.app.Shutdown(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", maxBody+1)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 413 || !strings.Contains(string(body), "too_large") {
		t.Errorf("%d %s %v", res.StatusCode, body, err)
	}
}

func TestForeignOriginIsCountedAndNotStored(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	_, body := e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", jar(res), "Origin", "https://evil.example")
	if body != `{"accepted":0,"dropped":{"origin":1}}` {
		t.Errorf("got %s", body)
	}
}

func TestFullSpoolIs503(t *testing.T) {
	e := newEdge(t, spool.Options{MaxBytes: 40})
	for _, body := range []string{e.decision("accept_all", "1"), e.decision("refuse_all", "2")} {
		res, got := e.send("POST", "/v1/consent", body)
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || len(res.Cookies()) != 0 {
			t.Errorf("a decision without room: %d %s %v", res.StatusCode, got, res.Cookies())
		}
	}
	res, got := e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1))
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("events without room: %d %s", res.StatusCode, got)
	}
}

// TestShownText takes the hash that the banner gave, in the language it was asked
// in, and counts a banner once.
func TestShownText(t *testing.T) {
	e := newEdge(t, spool.Options{})
	for i, again := range []string{"", "&again=1"} {
		_, body := e.send("GET", "/v1/banner?site=demo&lang=ru"+again, "")
		var d banner.Document
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatal(err)
		}
		call := strings.Replace(strings.TrimSuffix(e.decision("accept_all", fmt.Sprint(i)), "}"), `"kk"`, `"ru"`, 1) +
			`,"shown":{"variant":"bar-1","text_sha256":"` + d.TextSHA256 + `"}}`
		if res, got := e.send("POST", "/v1/consent", call); res.StatusCode != 201 {
			t.Errorf("%d %s", res.StatusCode, got)
		}
	}
	if err := e.journal.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	frames, _, err := e.spool.Read(ended, e.spool.Checkpoint(), 1<<20)
	if err != nil || len(frames) == 0 {
		t.Fatal(len(frames), err)
	}
	var counts []journal.Count
	if err := json.Unmarshal(frames[len(frames)-1].Payload(), &counts); err != nil || len(counts) != 1 || counts[0].N != 1 {
		t.Errorf("banners counted: %+v %v", counts, err)
	}
}

// TestReasons walks through the reasons for asking, with the clock moved.
func TestReasons(t *testing.T) {
	e := newEdge(t, spool.Options{})
	f := func(want banner.Reason, cookie string) {
		t.Helper()
		res, body := e.send("GET", "/v1/banner?site=demo&lang=ru", "", "Cookie", cookie)
		var d banner.Document
		if err := json.Unmarshal([]byte(body), &d); err != nil || d.Reason != want || d.Lang != "ru" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %s (%v), want %s", d.Reason, err, want)
		}
	}
	f(banner.First, "")
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	refused, _ := e.send("POST", "/v1/consent", e.decision("refuse_all", "2"))
	f(banner.Settings, jar(accepted))
	f(banner.Settings, jar(refused))
	f(banner.Material, "__Host-kelisim-state=1.0011223344556677.analytics.peg.99999.0.g")
	e.now = e.now.AddDate(0, 5, 0)
	f(banner.Settings, jar(refused))
	e.now = e.now.AddDate(0, 2, 0)
	f(banner.Again, jar(refused))
	f(banner.Expired, jar(accepted))
	if _, body := e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", jar(accepted)); body != `{"accepted":0,"dropped":{"expired":1}}` {
		t.Errorf("after the term: %s", body)
	}
}

func TestPrivacyPageWithoutJavaScript(t *testing.T) {
	e := newEdge(t, spool.Options{})
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	for lang, want := range map[string]string{
		"kk": "Сіз келісім бердіңіз.", "ru": "Вы дали согласие.", "en": "You have given consent.",
	} {
		res, body := e.send("GET", "/privacy/demo?lang="+lang, "", "Cookie", jar(accepted))
		if res.StatusCode != 200 || !strings.Contains(body, want) || strings.Contains(body, "<script") || !strings.Contains(body, `lang="`+lang+`"`) {
			t.Errorf("%s: %d, %q is missing", lang, res.StatusCode, want)
		}
		if !strings.Contains(body, `value="erase"`) { // also while nothing is held yet, or it cannot be read
			t.Errorf("%s: nothing to demand erasure with", lang)
		}
	}
	res, _ := e.send("POST", "/privacy/demo?lang=kk", "action=withdraw", "Cookie", jar(accepted), "Content-Type", "application/x-www-form-urlencoded")
	if res.StatusCode != 303 || res.Header.Get("Location") != "demo?done=withdrawn&lang=kk" {
		t.Fatalf("%d to %s", res.StatusCode, res.Header.Get("Location"))
	}
	if _, body := e.send("GET", "/privacy/demo?done=withdrawn&lang=kk", "", "Cookie", jar(res)); !strings.Contains(body, "Келісіміңіз кері қайтарып алынды.") || !strings.Contains(body, "Сіз келісімді кері қайтарып алдыңыз.") {
		t.Error("the page does not say that the consent is withdrawn")
	}
	if _, body := e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", jar(accepted)); body != `{"accepted":0,"dropped":{"withdrawn":1}}` {
		t.Errorf("the old token: %s", body)
	}
}

func TestAssets(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, body := e.send("GET", "/k.js", "")
	if res.Header.Get("Cache-Control") != fiveMinutes || !strings.HasPrefix(body, "self.kelisimBoot||(kelisimBoot={") {
		t.Errorf("k.js: %v", res.Header)
	}
	for name := range e.server.o.Assets.Files() {
		name = "a/" + e.server.o.Assets.Folder() + "/" + name
		for encoding, want := range map[string]string{"br, gzip": "br", "gzip": "gzip", "identity": ""} {
			res, body := e.send("GET", "/"+name, "", "Accept-Encoding", encoding)
			if res.StatusCode != 200 || res.Header.Get("Content-Encoding") != want || res.Header.Get("Cache-Control") != forever || body == "" {
				t.Errorf("%s as %q: %d %v", name, encoding, res.StatusCode, res.Header)
			}
		}
	}
	if res, _ := e.send("GET", "/k.js", "", "If-None-Match", res.Header.Get("ETag")); res.StatusCode != 304 {
		t.Errorf("a loader that is still good: %d", res.StatusCode)
	}
}

// TestOpenAPIKnowsEveryRoute compares the description with the routes.
func TestOpenAPIKnowsEveryRoute(t *testing.T) {
	e := newEdge(t, spool.Options{})
	text, err := os.ReadFile(filepath.Join("openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range e.app.GetRoutes(true) {
		path := strings.NewReplacer(":hash", "{hash}", ":file", "{file}", ":site", "{site}").Replace(r.Path)
		if r.Method == http.MethodHead || path == "/privacy/style.css" {
			continue
		}
		if !strings.Contains(string(text), "\n  "+path+":\n") {
			t.Errorf("%s %s is not in openapi.yaml", r.Method, path)
		}
	}
}
