package blackbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/cmd/kelisim/visitor"
	"kelisim/policies"
	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

// browser is a User-Agent of a person's browser.
const browser = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

// origin is where the pages of the demo site seem to come from.
const origin = "http://localhost"

// node is an installation: its folders, and its process while it runs.
type node struct {
	*process
	data, policies string
	listen, admin  string // host:port, the same after a restart
	conns          []driver.Conn
}

// install makes the folders of a node of the demo site.
func install(t *testing.T) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{data: filepath.Join(dir, "data"), policies: filepath.Join(dir, "policies"), listen: "127.0.0.1:0", admin: "127.0.0.1:0"}
	if err := os.MkdirAll(n.policies, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(n.policies, "demo.yaml"), policies.Demo(), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

// args are the flags of kelisim serve. One visitor of the tests calls as fast as a
// thousand would.
func (n *node) args(extra ...string) []string {
	return append([]string{
		"serve", "--listen", n.listen, "--admin-listen", n.admin, "--data-dir", n.data, "--policies", n.policies,
		"--trusted-proxies", "127.0.0.1/32", "--rate-limit", "0",
	}, extra...)
}

// serve starts the node, the first time on free ports and then on the same ones.
func (n *node) serve(t *testing.T, extra ...string) {
	t.Helper()
	n.process = launch(t, environment(t), n.args(extra...)...)
	n.listen = strings.TrimPrefix(n.said("collector: "), "http://")
	n.admin = strings.TrimPrefix(n.said("dashboard: "), "http://")
	n.said("ready after ")
}

// url is the address of the collector.
func (n *node) url() string { return "http://" + n.listen }

// get makes a request and returns status and body.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// visitor makes a browser that has never seen the site.
func (n *node) visitor() *visitor.Visitor {
	return visitor.New(visitor.Options{
		Base: n.url(), Site: "demo", Origin: origin, Address: "203.0.113.9", UserAgent: browser, Lang: "kk",
		Client: &http.Client{Timeout: 5 * time.Second}, Now: time.Now,
	})
}

// consenting makes a browser that has accepted everything.
func (n *node) consenting(t *testing.T) *visitor.Visitor {
	t.Helper()
	v := n.visitor()
	if err := v.Decide(t.Context(), "accept_all", nil); err != nil {
		t.Fatal(err)
	}
	return v
}

// view sends one page view, which must be accepted.
func view(t *testing.T, v *visitor.Visitor, path string) {
	t.Helper()
	a, err := v.Send(t.Context(), v.Pageview(origin+path, ""))
	if err != nil {
		t.Fatal(err)
	}
	if a.Accepted != 1 {
		t.Fatalf("a page view was not accepted: %+v", a)
	}
}

// access reads engine.json, also when the engine does not answer.
func (n *node) access(t *testing.T) embedded.Access {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(n.data, "run", "engine.json"))
	if err != nil {
		t.Fatal(err)
	}
	var a embedded.Access
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// sql connects to the node's engine, as another command would.
func (n *node) sql(t *testing.T) driver.Conn {
	t.Helper()
	access, err := embedded.Attach(t.Context(), n.data)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := access.Connect(access.Roles[schema.RoleMaintenance], access.Database)
	if err != nil {
		t.Fatal(err)
	}
	n.conns = append(n.conns, conn)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// stop closes the test's own connections, for which the engine would wait, and
// ends the node as a service manager does.
func (n *node) stop() {
	n.t.Helper()
	for _, conn := range n.conns {
		_ = conn.Close()
	}
	n.conns = nil
	n.process.stop()
}

// number reads one number.
func number(t *testing.T, conn driver.Conn, query string, args ...any) int {
	t.Helper()
	n, err := ask(t, conn, query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func ask(t *testing.T, conn driver.Conn, query string, args ...any) (int, error) {
	t.Helper()
	var n int64
	err := conn.QueryRow(t.Context(), "SELECT toInt64(("+query+"))", args...).Scan(&n)
	return int(n), err
}

// settles waits until a query answers a number, and then sees that it stays.
func settles(t *testing.T, conn driver.Conn, want int, query string, args ...any) {
	t.Helper()
	got := -1
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		n, err := ask(t, conn, query, args...)
		if got = n; err == nil && got >= want {
			break
		}
	}
	if got != want {
		t.Fatalf("%s = %d, want %d", query, got, want)
	}
}

// once checks that no event stands twice in the table.
func once(t *testing.T, conn driver.Conn) {
	t.Helper()
	if n := number(t, conn, "SELECT count() - uniqExact(session_id, seq, name) FROM events"); n != 0 {
		t.Errorf("%d events stand twice", n)
	}
	if n := number(t, conn, "SELECT count() - uniqExact(consent_id, number) FROM consents"); n != 0 {
		t.Errorf("%d decisions stand twice", n)
	}
	if n := number(t, conn, "SELECT count() FROM events WHERE (consent_id, number) NOT IN (SELECT consent_id, number FROM consents)"); n != 0 {
		t.Errorf("%d events stand without the decision that permits them", n)
	}
}
