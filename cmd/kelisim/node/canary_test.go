package node_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/node"
	"kelisim/dashboard/accounts"
	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

// Addresses of visitors, out of the ranges for documentation; two of them hold
// an IPv4 address inside.
const (
	address4   = "203.0.113.77"
	second4    = "198.51.100.201"
	address6   = "2001:db8:cafe:f00d:9a5e:c0de:dead:beef"
	sixToFour  = "2002:c633:64d3::99aa:bbcc"
	translated = "64:ff9b::192.0.2.189"
	flooding   = "198.51.100.93"
)

func agent(h *hunt) string {
	return "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 " + h.plant("user-agent")
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func randomUUID() string { return uuid.NewString() }

// plantClient plants what tells who a visitor is.
func plantClient(t *testing.T, h *hunt) {
	t.Helper()
	for _, a := range []string{address4, second4, address6, sixToFour, translated, flooding} {
		h.forbid("address "+a, addressForms(netip.MustParseAddr(a)))
	}
	// The second pair of addresses stands inside longer ones.
	for _, a := range []string{"198.51.100.211", "192.0.2.189"} {
		h.forbid("address "+a, addressForms(netip.MustParseAddr(a)))
	}
	whole := agent(h)
	h.permitAs("network of an address", addressForms(netip.MustParseAddr("203.0.113.0")))
	h.forbid("whole user-agent", map[string][]byte{"text": []byte(whole), "a piece": []byte("KHTML, like Gecko"), "another": []byte("142.0.0")})
}

// start brings up a node on the folder; with a DSN it uses that database. A test may
// change how it runs.
func start(t *testing.T, root, logFile, dsn string, change ...func(*node.Options)) *node.Node {
	t.Helper()
	data := filepath.Join(root, "data")
	c, _, _, err := config.Load(flag.NewFlagSet("test", flag.ContinueOnError), []string{
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", data, "--policies", filepath.Join(root, "policies"),
		"--trusted-proxies", "127.0.0.1/32", "--chdb-lib", os.Getenv("KELISIM_CHDB_LIB"), "--clickhouse-dsn", dsn,
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	o := node.Options{
		Config: c, Logger: slog.New(slog.NewJSONHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})), K: 1,
		Schema: schema.Options{Uncompressed: true, OldPartsLifetime: time.Second}, Engine: embedded.Options{Admin: true},
		Every: node.Intervals{
			Flush: 50 * time.Millisecond, Poll: 200 * time.Millisecond, Erase: 200 * time.Millisecond,
			Margin: 500 * time.Millisecond, Beat: 200 * time.Millisecond, Look: 50 * time.Millisecond, Grace: time.Millisecond,
		},
	}
	for _, c := range change {
		c(&o)
	}
	n, err := node.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	all, err := accounts.Open(accounts.Options{Path: node.AccountsFile(data), Cost: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.Find(t.Context(), login); err == nil {
		return n
	}
	if err := all.Add(t.Context(), login, accounts.Marketing, password); err != nil {
		t.Fatal(err)
	}
	return n
}

func stop(t *testing.T, n *node.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// settle waits until everything that both drives left is in the tables.
func settle(t *testing.T, conn driver.Conn, h *hunt, drives ...*target) {
	t.Helper()
	var dropped uint64
	for _, g := range drives {
		for _, n := range g.drops {
			dropped += uint64(n)
		}
	}
	for _, wait := range []struct {
		what, query string
		want        uint64
	}{
		{"the permitted page views", "SELECT count() FROM events WHERE path = '/" + h.permit("path") + "'", 2},
		{"the drops", "SELECT sum(n) FROM outcomes WHERE outcome != 'stored'", dropped},
		{"the refusals", "SELECT sum(n) FROM banner_counts WHERE kind = 'refused'", 2},
		{"the banners shown", "SELECT sum(n) FROM banner_counts WHERE kind = 'shown'", 2},
		{"the erasures demanded", "SELECT uniqExact(id) FROM erasures", 4},
	} {
		await(t, conn, wait.what, wait.query, func(n uint64) bool { return n >= wait.want })
	}
	await(t, conn, "the erasures done", "SELECT countIf(open) FROM (SELECT max(done_at) IS NULL AS open FROM erasures GROUP BY id)",
		func(n uint64) bool { return n == 0 })
}

// refuseRows makes the database refuse rows for a while, in words that quote
// them.
func refuseRows(t *testing.T, conn driver.Conn, g *target) {
	t.Helper()
	const rule = "CONSTRAINT quoting CHECK path = '' AND consent_id = toUUID('00000000-0000-0000-0000-000000000000') AND session_id = consent_id"
	if err := conn.Exec(t.Context(), "ALTER TABLE events ADD "+rule); err != nil {
		t.Fatal(err)
	}
	g.accepted()
	await(t, conn, "the refused rows", "SELECT sum(value) FROM system.errors WHERE name = 'VIOLATED_CONSTRAINT'", func(n uint64) bool { return n > 0 })
	if err := conn.Exec(t.Context(), "ALTER TABLE events DROP CONSTRAINT quoting"); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, conn driver.Conn, what, query string, holds func(uint64) bool) {
	t.Helper()
	var n uint64
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if holds(n) {
			return
		}
	}
	t.Fatalf("%s did not come: %d", what, n)
}
