package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/demo"
	"kelisim/cmd/kelisim/node"
	"kelisim/policies"
	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

// world is the nodes of a run. Tests in the browser start one of their own when
// they move its clock or change its policy.
type world struct {
	t     *testing.T
	mu    sync.Mutex
	nodes []*running
}

// running is a node with a clock that can be moved.
type running struct {
	*node.Node
	policy string        // path of its policy file
	shift  *atomic.Int64 // nanoseconds between its clock and the true one
	conn   driver.Conn
}

func newWorld(t *testing.T) *world { return &world{t: t} }

// handler is what the tests in the browser call:
//
//	POST /node?shift=-5040h  the policy → {"node","collector","demo","edition"}
//	POST /clock?node=0&shift=-24h
//	POST /policy?node=0      the policy → {"edition"}
//	POST /sql?node=0         a query    → rows as lists
//	GET  /policy             the demo's policy
func (w *world) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /policy", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(policies.Demo()) })
	mux.HandleFunc("POST /node", w.answer(w.startNode))
	mux.HandleFunc("POST /clock", w.answer(func(r *http.Request, _ string) (any, error) {
		n, err := w.node(r)
		if err != nil {
			return nil, err
		}
		by, err := time.ParseDuration(r.FormValue("shift"))
		n.shift.Store(int64(by))
		return nil, err
	}))
	mux.HandleFunc("POST /policy", w.answer(func(r *http.Request, body string) (any, error) {
		n, err := w.node(r)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(n.policy, []byte(body), 0o600); err != nil {
			return nil, err
		}
		if err := n.Reload(r.Context()); err != nil {
			return nil, err
		}
		return map[string]string{"edition": n.edition()}, nil
	}))
	mux.HandleFunc("POST /sql", w.answer(func(r *http.Request, body string) (any, error) {
		n, err := w.node(r)
		if err != nil {
			return nil, err
		}
		return rows(r.Context(), n.conn, body)
	}))
	return mux
}

func (w *world) answer(do func(*http.Request, string) (any, error)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		found, err := do(r, string(body))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(rw).Encode(found) // the test went away
	}
}

func (w *world) node(r *http.Request) (*running, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := strconv.Atoi(r.URL.Query().Get("node"))
	if err != nil || i < 0 || i >= len(w.nodes) {
		return nil, errors.New("rules: no such node")
	}
	return w.nodes[i], nil
}

func (n *running) edition() string {
	site, ok := n.Catalogue().Site("demo")
	if !ok {
		return ""
	}
	return site.Policy().HashString()
}

func (w *world) startNode(r *http.Request, text string) (any, error) {
	by, err := time.ParseDuration(r.URL.Query().Get("shift"))
	if err != nil {
		return nil, err
	}
	dir := w.t.TempDir()
	n := &running{policy: filepath.Join(dir, "demo.yaml"), shift: &atomic.Int64{}}
	n.shift.Store(int64(by))
	if err := os.WriteFile(n.policy, []byte(text), 0o600); err != nil {
		return nil, err
	}
	c, _, _, err := config.Load(flag.NewFlagSet("test", flag.ContinueOnError), []string{
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"), "--policies", dir,
		"--trusted-proxies", "127.0.0.1/32", "--rate-limit", "0", "--chdb-lib", os.Getenv("KELISIM_CHDB_LIB"),
	}, nil, nil)
	if err != nil {
		return nil, err
	}
	n.Node, err = node.Start(w.t.Context(), node.Options{
		Config: c, Logger: slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelError})), K: 1,
		Now:    func() time.Time { return time.Now().Add(time.Duration(n.shift.Load())) },
		Schema: schema.Options{OldPartsLifetime: time.Second}, Engine: embedded.Options{Admin: true},
		Every: node.Intervals{Flush: 100 * time.Millisecond, Poll: time.Second, Erase: 300 * time.Millisecond, Margin: time.Second, Files: time.Hour},
	})
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			w.t.Error(err)
		}
	})
	access := n.Engine().Access()
	if n.conn, err = access.Connect(*access.Admin, access.Database); err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { _ = n.conn.Close() })
	pages, err := demo.Handler(n.PublicURL(), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	site := httptest.NewServer(pages)
	w.t.Cleanup(site.Close)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes = append(w.nodes, n)
	return map[string]string{"node": fmt.Sprint(len(w.nodes) - 1), "collector": n.PublicURL(), "demo": site.URL, "edition": n.edition()}, nil
}

// rows answers a query with its rows as lists of texts.
func rows(ctx context.Context, conn driver.Conn, query string) ([]json.RawMessage, error) {
	found := []json.RawMessage{}
	all, err := conn.Query(ctx, "SELECT toJSONString(tuple(*)) FROM ("+query+")")
	if err != nil {
		return nil, err
	}
	defer all.Close()
	for all.Next() {
		var row string
		if err := all.Scan(&row); err != nil {
			return nil, err
		}
		found = append(found, json.RawMessage(row))
	}
	return found, all.Err()
}
