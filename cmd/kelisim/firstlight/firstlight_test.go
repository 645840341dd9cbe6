// Package firstlight_test drives the whole line with a real browser: a node in
// this process with the built files that are served, the demo site in front of
// it, and Chromium. The steps in the browser stand in js/e2e; this side gives
// them addresses and a way to ask the database.
package firstlight_test

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/demo"
	"kelisim/cmd/kelisim/node"
	"kelisim/dashboard/accounts"
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

const (
	login    = "tester"
	password = "a password for the test"
)

// TestBrowser is the first light: an honest choice, a row, a chart, and nothing
// after it was taken back; in Kazakh, Russian and English.
func TestBrowser(t *testing.T) {
	n := start(t)
	pages, err := demo.Handler(n.PublicURL(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(pages)
	t.Cleanup(site.Close)
	answers := httptest.NewServer(sql(t, n))
	t.Cleanup(answers.Close)

	where, err := json.Marshal(map[string]string{
		"site": site.URL, "collector": n.PublicURL(), "dashboard": n.AdminURL(), "sql": answers.URL,
		"user": login, "password": password,
	})
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "npx", "--no-install", "vitest", "run", "--config", "vitest.firstlight.config.ts")
	run.Dir = filepath.Join("..", "..", "..", "js")
	run.Env = append(os.Environ(), "KELISIM_E2E="+string(where))
	out, err := run.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T) *node.Node {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "demo.yaml"), policies.Demo(), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	c, _, _, err := config.Load(flag.NewFlagSet("test", flag.ContinueOnError), []string{
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", data, "--policies", dir,
		"--trusted-proxies", "127.0.0.1/32", "--chdb-lib", os.Getenv("KELISIM_CHDB_LIB"),
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
	all, err := accounts.Open(accounts.Options{Path: node.AccountsFile(data), Cost: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := all.Add(t.Context(), login, accounts.Marketing, password); err != nil {
		t.Fatal(err)
	}
	return n
}

// sql answers a query, the body of a POST, with its rows as lists of texts.
func sql(t *testing.T, n *node.Node) http.Handler {
	access := n.Engine().Access()
	conn, err := access.Connect(*access.Admin, access.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		rows, err := conn.Query(r.Context(), "SELECT toJSONString(tuple(*)) FROM ("+string(query)+")")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer rows.Close()
		found := []json.RawMessage{}
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			found = append(found, json.RawMessage(row))
		}
		if err := json.NewEncoder(w).Encode(found); err != nil {
			t.Error(err)
		}
	})
}
