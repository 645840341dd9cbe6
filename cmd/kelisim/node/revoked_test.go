package node_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kelisim/policies"
)

// nowhereDSN is a database that nobody answers for.
const nowhereDSN = "clickhouse://visitor:password@127.0.0.1:1/kelisim"

// folder is an installation without data.
func folder(t *testing.T) (root, logFile string) {
	t.Helper()
	root = t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "policies"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "policies", "demo.yaml"), policies.Demo(), 0o600); err != nil {
		t.Fatal(err)
	}
	return root, filepath.Join(t.TempDir(), "log")
}

// view sends a page view under a token.
func view(b *browser, token string) map[string]uint32 {
	b.Helper()
	b.cookies[tokenCookie] = token
	return b.events(b.event("pageview", "https://127.0.0.1/a", nil))
}

// TestWithdrawnWithoutDatabase: what was withdrawn stays withdrawn when a node
// starts again and its database does not answer, also when nothing of it lies in
// the spool any more. A copy that is damaged is said, and the rest goes on.
func TestWithdrawnWithoutDatabase(t *testing.T) {
	root, logFile := folder(t)
	h := newHunt()
	first := start(t, root, logFile, "")
	g := newTarget(t, h, first, root)
	over, narrowed, stays := g.browser(nil), g.browser(nil), g.browser(nil)
	tokens := map[*browser]string{}
	for _, b := range []*browser{over, narrowed, stays} {
		if a := b.decide("accept_all", nil, nil); a.status != http.StatusCreated {
			t.Fatalf("acceptance: status %d", a.status)
		}
		tokens[b] = b.cookies[tokenCookie]
	}
	over.decide("withdraw", nil, nil)
	narrowed.decide("custom", map[string]bool{"analytics": true}, nil)
	conn := admin(t, first)
	await(t, conn, "the revocations", "SELECT count() FROM revocations", func(n uint64) bool { return n == 2 })
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	stop(t, first)
	if err := os.RemoveAll(filepath.Join(root, "data", "spool")); err != nil { // it was flushed: nothing may be needed from it
		t.Fatal(err)
	}

	second := start(t, root, logFile, nowhereDSN)
	g = newTarget(t, h, second, root)
	for b, want := range map[*browser]string{over: "withdrawn", narrowed: "withdrawn", stays: ""} {
		b.target = g
		if got := view(b, tokens[b]); want != "" && got[want] != 1 || want == "" && len(got) > 0 {
			t.Errorf("an event was dropped as %v, want %q", got, want)
		}
	}
	stop(t, second)

	if err := os.WriteFile(filepath.Join(root, "data", "revocations", "withdrawn"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	third := start(t, root, logFile, nowhereDSN)
	said, err := os.ReadFile(logFile)
	if err != nil || strings.Count(string(said), "local copy of the withdrawals is not used") != 1 {
		t.Errorf("a damaged copy is not said once: %v", err)
	}
	stays.target = newTarget(t, h, third, root)
	if got := view(stays, tokens[stays]); len(got) > 0 {
		t.Errorf("an event of a consent that stands was dropped as %v", got)
	}
	stop(t, third)
}
