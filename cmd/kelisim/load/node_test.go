package load_test

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/load"
	"kelisim/cmd/kelisim/node"
	"kelisim/consent/policy"
	"kelisim/policies"
	"kelisim/storage/readback"
)

// startNode runs a node of the demo site in this process.
func startNode(t *testing.T) *node.Node {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "demo.yaml"), policies.Demo(), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, _, err := config.Load(flag.NewFlagSet("test", flag.ContinueOnError), []string{
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"), "--policies", dir,
		"--trusted-proxies", "127.0.0.1/32", "--chdb-lib", os.Getenv("KELISIM_CHDB_LIB"),
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(t.Context(), node.Options{
		Config: c, Logger: slog.New(slog.DiscardHandler),
		Every: node.Intervals{Flush: 100 * time.Millisecond, Erase: 200 * time.Millisecond, Margin: time.Second, Beat: 200 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}

// TestAgainstANode plays whole lives on a real node with a real database, and
// then plants what must be found: that is lost which is deleted, and doubled
// what is inserted again.
func TestAgainstANode(t *testing.T) {
	n := startNode(t)
	p, problems := policy.Parse("demo.yaml", policies.Demo())
	if len(problems) > 0 {
		t.Fatal(problems.Err())
	}
	stored, err := readback.New(n.DB().Maintenance())
	if err != nil {
		t.Fatal(err)
	}
	shares := load.Usual()
	shares.NoConsent, shares.Withdrawn = 0.1, 0.1
	player, err := load.New(load.Options{
		URL: n.PublicURL(), Policy: p, Shares: shares, Visitors: 200, Connections: 8, Rate: 1500, Duration: 3 * time.Second,
		Warmup: 500 * time.Millisecond, Stored: stored, Settle: 45 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func(context.Context) error{player.Prepare, player.Play} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	v, err := player.Verify(t.Context(), stored)
	if err != nil {
		t.Fatal(err)
	}
	r := player.Report()
	if v.Broken() || r.Strange > 0 || len(r.Statuses) > 0 || r.GivenUp > 0 {
		t.Errorf("honest visitors on an idle node: %+v", r)
	}
	if v.Acknowledged < 1000 || v.Acknowledged != v.Stored+v.Erased+v.Ended || v.Erased == 0 || v.Refusals == 0 || r.Dropped["bot"] == 0 || r.Dropped["no_consent"] == 0 || r.RowsPerS <= 0 {
		t.Errorf("not everything was played, or it does not add up: %+v, dropped %v", v, r.Dropped)
	}
	for _, plant := range []struct {
		sql  string
		find func(load.Verdict) uint64
	}{
		{"INSERT INTO events SELECT * FROM events WHERE name = 'pageview' ORDER BY consent_id, time LIMIT 7", func(v load.Verdict) uint64 { return v.Doubled }},
		{"DELETE FROM events WHERE (session_id, seq) IN (SELECT session_id, seq FROM events WHERE name = 'engagement' AND consent_id NOT IN (SELECT consent_id FROM revocations) ORDER BY consent_id DESC, time DESC LIMIT 7)" +
			" AND name = 'engagement'", func(v load.Verdict) uint64 { return v.Lost }},
	} {
		if err := n.DB().Maintenance().Exec(t.Context(), plant.sql); err != nil {
			t.Fatal(err)
		}
		v, err := player.Ledger().Check(t.Context(), stored, player.Since())
		if err != nil || plant.find(v) != 7 {
			t.Errorf("after %s: found %d, want 7; %v\n%+v", plant.sql, plant.find(v), err, v)
		}
	}
}
