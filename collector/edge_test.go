package collector

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
