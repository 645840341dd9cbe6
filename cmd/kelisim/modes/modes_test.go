// Package modes_test drives the three deployment modes with a real browser, on
// hosts of their own and over TLS: a node in this process, with a site in front of
// it for each mode. The steps in the browser stand in js/e2e.
package modes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/node"
	"kelisim/policies"
	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

func TestMain(m *testing.M) {
	if embedded.IsChild() {
		os.Exit(embedded.RunChild())
	}
	os.Exit(m.Run())
}

// deployment is a site and where its collector lives.
type deployment struct {
	ID, Mode, Host, Collector string
	More                      string // of the policy
}

func deployments() []deployment {
	return []deployment{
		{ID: "near", Mode: "path", Host: "shop.localhost", Collector: "shop.localhost/kelisim"},
		{ID: "beside", Mode: "subdomain", Host: "www.beside.localhost", Collector: "collect.beside.localhost", More: "\ncookie_domain: beside.localhost"},
		{ID: "far", Mode: "cross-origin", Host: "far.localhost", Collector: "collector.localhost"},
	}
}

// TestBrowser asks, takes, stores, refuses and takes back in each mode.
func TestBrowser(t *testing.T) {
	n := start(t)
	front := &front{t: t, node: n.PublicURL()}
	secure, plain := httptest.NewUnstartedServer(front), httptest.NewServer(front)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // the browser does not like the certificate at first
	secure.StartTLS()
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { countEvents(t, n, w, r) }))
	t.Cleanup(answers.Close)
	port := func(s *httptest.Server) string { return s.URL[strings.LastIndexByte(s.URL, ':')+1:] }
	where, err := json.Marshal(map[string]any{
		"modes": deployments(), "https": port(secure), "http": port(plain), "events": answers.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "npx", "--no-install", "vitest", "run", "--config", "vitest.modes.config.ts")
	run.Dir = filepath.Join("..", "..", "..", "js")
	run.Env = append(os.Environ(), "KELISIM_E2E="+string(where))
	out, err := run.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// front is what stands before the node: the pages of the sites, and the collector
// at its path or under its own host.
type front struct {
	t    *testing.T
	node string
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	for _, d := range deployments() {
		collector, path, _ := strings.Cut(d.Collector, "/")
		switch {
		case host == collector && (path == "" || strings.HasPrefix(r.URL.Path, "/"+path+"/")):
			f.pass(w, r, strings.TrimSuffix("/"+path, "/"))
			return
		case host == d.Host:
			f.page(w, r, d)
			return
		}
	}
	f.page(w, r, deployments()[1]) // a page of somebody else that carries a tag which is not for it
}

func (f *front) pass(w http.ResponseWriter, r *http.Request, prefix string) {
	target, err := url.Parse(f.node)
	if err != nil {
		f.t.Error(err)
	}
	proxy := &httputil.ReverseProxy{
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host
			p.SetXForwarded()
		},
	}
	http.StripPrefix(prefix, proxy).ServeHTTP(w, r)
}

// page carries the tag, under a policy that allows the collector and no more; at
// /pinned with the loader of integrity.json.
func (f *front) page(w http.ResponseWriter, r *http.Request, d deployment) {
	if r.URL.Path == "/favicon.ico" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	scheme := map[bool]string{true: "https://", false: "http://"}[r.TLS != nil]
	host, path, _ := strings.Cut(d.Collector, "/")
	origin := scheme + host
	if _, port, ok := strings.Cut(r.Host, ":"); ok {
		origin += ":" + port
	}
	tag := fmt.Sprintf(`src="%s/k.js"`, strings.TrimSuffix(origin+"/"+path, "/"))
	if r.URL.Path == "/pinned" {
		tag = f.pinned(strings.TrimSuffix(origin+"/"+path, "/"))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-abc' 'strict-dynamic'; style-src "+origin+
		"; connect-src "+origin+"; require-trusted-types-for 'script'; trusted-types kelisim")
	fmt.Fprintf(w, `<!doctype html><html lang="kk"><meta charset="utf-8"><title>%s</title><script nonce="abc" async %s data-site="%s"></script><h1>%s</h1></html>`,
		d.ID, tag, d.ID, d.Mode)
}

func (f *front) pinned(base string) string {
	res, err := http.Get(f.node + "/integrity.json")
	if err != nil {
		f.t.Error(err)
		return ""
	}
	defer res.Body.Close()
	var all struct {
		Loader struct{ Name, Integrity string }
	}
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		f.t.Error(err)
	}
	return fmt.Sprintf(`src="%s/%s" integrity="%s" crossorigin`, base, all.Loader.Name, all.Loader.Integrity)
}

func start(t *testing.T) *node.Node {
	t.Helper()
	dir := t.TempDir()
	for _, d := range deployments() {
		p := bytes.Replace(policies.Demo(), []byte("\nsite: demo\n"), []byte("\nsite: "+d.ID+"\n"), 1)
		p = bytes.Replace(p, []byte("hosts: [localhost, 127.0.0.1]\nmode: path"), []byte("hosts: ["+d.Host+"]\nmode: "+d.Mode+d.More), 1)
		if err := os.WriteFile(filepath.Join(dir, d.ID+".yaml"), p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, _, _, err := config.Load(flag.NewFlagSet("test", flag.ContinueOnError), []string{
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"), "--policies", dir,
		"--trusted-proxies", "127.0.0.1/32", "--rate-limit", "0", "--chdb-lib", os.Getenv("KELISIM_CHDB_LIB"),
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(t.Context(), node.Options{
		Config: c, Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), K: 1,
		Schema: schema.Options{OldPartsLifetime: time.Second}, Engine: embedded.Options{Admin: true},
		Every: node.Intervals{Flush: 100 * time.Millisecond, Poll: time.Second, Erase: 300 * time.Millisecond, Margin: time.Second, Beat: 500 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}

// countEvents counts the page views that are stored of the site in the body.
func countEvents(t *testing.T, n *node.Node, w http.ResponseWriter, r *http.Request) {
	site, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	access := n.Engine().Access()
	conn, err := access.Connect(*access.Admin, access.Database)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	var count uint64
	if err := conn.QueryRow(r.Context(), "SELECT count() FROM events WHERE name = 'pageview' AND site = $1", string(site)).Scan(&count); err != nil {
		t.Error(err)
	}
	fmt.Fprint(w, count)
}
