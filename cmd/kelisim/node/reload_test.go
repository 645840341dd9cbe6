package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kelisim/cmd/kelisim/node"
	"kelisim/consent/policy"
	"kelisim/policies"
)

// editions makes one edition after another of the demo policy.
type editions struct {
	*testing.T
	dir    string
	number int
	last   *policy.Policy
}

func newEditions(t *testing.T, root string) *editions {
	e := &editions{T: t, dir: filepath.Join(root, "policies"), number: 1}
	e.last = e.parse(policies.Demo())
	return e
}

func (e *editions) parse(text []byte) *policy.Policy {
	e.Helper()
	p, problems := policy.Parse("demo.yaml", text)
	if err := problems.Err(); err != nil {
		e.Fatal(err)
	}
	return p
}

// next writes the next edition into the folder, in the place of the one before.
func (e *editions) next(material, holds bool) {
	e.Helper()
	e.number++
	const first = "edition:\n  number: 1\n  effective: 2026-11-01\n"
	text := strings.Replace(string(policies.Demo()), first, fmt.Sprintf(
		"edition:\n  number: %d\n  effective: 2026-11-01\nreplaces:\n  hash: %s\n  material: %t\n  holds: %t\n",
		e.number, e.last.HashString(), material, holds), 1)
	e.last = e.parse([]byte(text))
	e.write("demo.yaml", text)
}

func (e *editions) write(name, text string) {
	e.Helper()
	path := filepath.Join(e.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		e.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		e.Fatal(err)
	}
}

func (e *editions) key() string { return e.last.Key().String() }

// crowd calls a node as browsers do, from many addresses, until it is ended.
type crowd struct {
	n        *node.Node
	client   *http.Client
	begun    atomic.Int64 // material changes that began, and that ended
	ended    atomic.Int64
	address  atomic.Uint32
	calls    atomic.Int64
	mu       sync.Mutex
	problems []string
}

func (c *crowd) problem(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// call makes a request and decodes its answer, if it is wanted.
func (c *crowd) call(ctx context.Context, method, path, body, token string, into any) (status int, cookie string) {
	req, err := http.NewRequestWithContext(ctx, method, c.n.PublicURL()+path, strings.NewReader(body))
	if err != nil {
		c.problem("%v", err)
		return 0, ""
	}
	a := c.address.Add(1)
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", byte(a>>16), byte(a>>8), byte(a)))
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36")
	req.Header.Set("Origin", "http://127.0.0.1")
	if token != "" {
		req.AddCookie(&http.Cookie{Name: tokenCookie, Value: token})
	}
	res, err := c.client.Do(req)
	if err != nil {
		c.problem("%s %s: %v", method, path, err)
		return 0, ""
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && into != nil && res.StatusCode < 300 {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		c.problem("%s %s: %v", method, path, err)
	}
	c.calls.Add(1)
	for _, one := range res.Cookies() {
		if one.Name == tokenCookie {
			cookie = one.Value
		}
	}
	return res.StatusCode, cookie
}

// asked is the edition that the banner asks.
func (c *crowd) asked(ctx context.Context) string {
	var doc struct {
		Edition string `json:"edition"`
	}
	if status, _ := c.call(ctx, http.MethodGet, "/v1/banner?site=demo", "", "", &doc); status != http.StatusOK {
		c.problem("banner: status %d", status)
	}
	return doc.Edition
}

// carries reports whether the loader asks an edition of the site first.
func (c *crowd) carries(ctx context.Context, edition string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.n.PublicURL()+"/k.js", nil)
	if err != nil {
		c.problem("%v", err)
		return false
	}
	res, err := c.client.Do(req)
	if err != nil {
		c.problem("the loader: %v", err)
		return false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.problem("the loader: %v", err)
	}
	return res.StatusCode == http.StatusOK && bytes.HasPrefix(b, []byte(`self.kelisimBoot||(kelisimBoot={e:{"demo":["`+edition+`"`))
}

func (c *crowd) accept(ctx context.Context, edition string) (status int, token string) {
	return c.call(ctx, http.MethodPost, "/v1/consent", fmt.Sprintf(
		`{"v":1,"site":"demo","edition":%q,"lang":"kk","action":"accept_all","key":%q}`, edition, randomUUID()), "", nil)
}

// dropped sends a page view under a token and returns why it was dropped.
func (c *crowd) dropped(ctx context.Context, token string) string {
	var said struct {
		Accepted int            `json:"accepted"`
		Dropped  map[string]int `json:"dropped"`
	}
	now := time.Now().UnixMilli()
	status, _ := c.call(ctx, http.MethodPost, "/v1/events", fmt.Sprintf(
		`{"v":1,"site":"demo","now":%d,"session":{"id":%q,"start":%d},"events":[{"seq":1,"name":"pageview","url":"https://127.0.0.1/a"}]}`,
		now, randomHex(16), now-10), token, &said)
	if status != http.StatusAccepted || said.Accepted+len(said.Dropped) != 1 {
		c.problem("events: status %d, %+v", status, said)
	}
	for reason := range said.Dropped {
		return reason
	}
	return ""
}

// visit is one visitor: asked, they accept, view a page and look at what is held.
// Where no material change came in between, nothing may go wrong.
func (c *crowd) visit(ctx context.Context) {
	begun := c.begun.Load()
	quiet := begun == c.ended.Load()
	edition := c.asked(ctx)
	status, token := c.accept(ctx, edition)
	why := "not asked"
	if status == http.StatusCreated {
		why = c.dropped(ctx, token)
	}
	quiet = quiet && c.begun.Load() == begun
	switch {
	case quiet && (status != http.StatusCreated || why != ""):
		c.problem("without a material change a consent is answered with %d and an event is dropped as %q", status, why)
	case status != http.StatusCreated && status != http.StatusConflict, status == http.StatusCreated && why != "" && why != "edition":
		c.problem("across a material change a consent is answered with %d and an event is dropped as %q", status, why)
	}
	for _, path := range []string{"/k.js", "/privacy/demo"} {
		if status, _ := c.call(ctx, http.MethodGet, path, "", token, nil); status != http.StatusOK {
			c.problem("%s: status %d", path, status)
		}
	}
}

// TestReloadUnderLoad changes the policies fifty times while visitors come and go:
// no request fails, the newest edition is asked, and a consent holds across changes
// exactly where the policy says so.
func TestReloadUnderLoad(t *testing.T) {
	root, logFile := folder(t)
	n := start(t, root, logFile, nowhereDSN, func(o *node.Options) { o.Every.Files = time.Hour })
	e := newEditions(t, root)
	c := &crowd{n: n, client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	defer c.client.CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				c.visit(t.Context())
				time.Sleep(5 * time.Millisecond) // the changes need the processor as well
			}
		})
	}
	const swaps = 50
	for i := range swaps {
		material := i%5 == 4
		if material {
			c.begun.Add(1)
		}
		e.next(material, !material)
		if err := n.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if material {
			c.ended.Add(1)
		}
		if got := c.asked(t.Context()); got != e.key() {
			t.Fatalf("after change %d edition %s is asked, want %s", i, got, e.key())
		}
		if !c.carries(t.Context(), e.key()) {
			t.Fatalf("after change %d the loader does not carry edition %s", i, e.key())
		}
	}
	cancel()
	all.Wait()
	if len(c.problems) > 0 {
		t.Errorf("%d problems, the first: %s", len(c.problems), c.problems[0])
	}
	if c.calls.Load() < 10*swaps {
		t.Errorf("only %d calls were made meanwhile", c.calls.Load())
	}
	t.Logf("%d calls during %d changes", c.calls.Load(), swaps)

	_, token := c.accept(t.Context(), e.key())
	for _, change := range []struct {
		material, holds bool
		want            string
	}{{false, true, ""}, {true, true, ""}, {true, false, "edition"}} {
		e.next(change.material, change.holds)
		if err := n.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := c.dropped(t.Context(), token); got != change.want {
			t.Errorf("after a change %+v an event is dropped as %q", change, got)
		}
	}
	status, _ := c.call(t.Context(), http.MethodPost, "/v1/consent", fmt.Sprintf(
		`{"v":1,"site":"demo","edition":%q,"lang":"kk","action":"withdraw","key":%q}`, e.key(), randomUUID()), token, nil)
	if status != http.StatusCreated {
		t.Errorf("a consent to an edition that no longer holds cannot be taken back: status %d", status)
	}
	stop(t, n)
}

// TestPoliciesThatCannotBeUsed: a set with a fault in it is refused as a whole, said
// once, and shows in /readyz; those of before stay in force until it is mended.
func TestPoliciesThatCannotBeUsed(t *testing.T) {
	root, logFile := folder(t)
	n := start(t, root, logFile, nowhereDSN, func(o *node.Options) { o.Every.Files = 20 * time.Millisecond })
	e := newEditions(t, root)
	c := &crowd{n: n, client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	first := e.key()
	away := []string{"the node starts", "clickhouse cannot be reached"}

	other := strings.Replace(string(policies.Demo()), "site: demo", "site: other", 1) // the hosts are those of demo
	for name, text := range map[string]string{"other.yaml": other, "broken.yaml": "site: [", "demo.yaml": strings.Replace(string(policies.Demo()), "term_months: 6", "term_months: 5", 1)} {
		e.write(name, text)
		becomes(t, n, append(away, "the policies changed and cannot be used")...)
		if got := c.asked(t.Context()); got != first {
			t.Errorf("%s: edition %s is asked", name, got)
		}
		if name == "demo.yaml" {
			e.write(name, string(policies.Demo()))
		} else if err := os.Remove(filepath.Join(e.dir, name)); err != nil {
			t.Fatal(err)
		}
		becomes(t, n, away...)
	}
	log, err := os.ReadFile(logFile)
	if err != nil {
		t.Fatal(err)
	}
	if said := bytes.Count(log, []byte("those of before stay in force")); said != 3 {
		t.Errorf("three faults were said %d times", said)
	}
	for _, words := range []string{"broken.yaml", "is also a host of the site", "was published with another text"} {
		if !bytes.Contains(log, []byte(words)) {
			t.Errorf("the log does not say %q", words)
		}
	}

	e.next(false, true) // by the folder alone
	for end := time.Now().Add(20 * time.Second); c.asked(t.Context()) != e.key(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the next edition is never asked")
		}
	}
	if _, values := scrape(t, n); values[`kelisim_policy_edition{site="demo"}`] != 2 || values[`kelisim_policy_reloads_total{result="refused"}`] != 3 {
		t.Error("the metrics tell something else")
	}
	if len(c.problems) > 0 {
		t.Error(c.problems[0])
	}
	stop(t, n)
}

// TestEditionsOfAReloadAreShared: what is put in force while the node runs stands in
// the database for other nodes, and is known after a restart.
func TestEditionsOfAReloadAreShared(t *testing.T) {
	root, logFile := folder(t)
	n := start(t, root, logFile, "")
	e := newEditions(t, root)
	e.next(true, false)
	if err := n.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := admin(t, n)
	await(t, conn, "both editions", "SELECT uniqExact(edition) FROM policy_editions WHERE site = 'demo'", func(n uint64) bool { return n == 2 })
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	stop(t, n)
	n = start(t, root, logFile, nowhereDSN)
	if site, _ := n.Catalogue().Site("demo"); len(site.History()) != 2 {
		t.Errorf("after a restart %d editions are known", len(site.History()))
	}
	stop(t, n)
}
