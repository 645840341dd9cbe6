package node_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/cmd/kelisim/node"
)

// scrape reads the series of a node: kinds by name, values by name and labels.
func scrape(t *testing.T, n *node.Node) (kinds map[string]string, values map[string]float64) {
	t.Helper()
	g := newTarget(t, newHunt(), n, "")
	a := g.send(call{method: http.MethodGet, url: n.AdminURL() + "/metrics"})
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	kinds, values = map[string]string{}, map[string]float64{}
	for line := range strings.Lines(string(a.body)) {
		line = strings.TrimSpace(line)
		if words := strings.Fields(line); strings.HasPrefix(line, "# TYPE ") {
			kinds[words[2]] = words[3]
		} else if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			v, err := strconv.ParseFloat(line[at+1:], 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			values[line[:at]] = v
		}
	}
	return kinds, values
}

var tableLine = regexp.MustCompile("(?m)^\\| `(kelisim_[a-z_]+)` \\| ([a-z]+) \\|")

// TestMetricsAreExplained: what a node gives is what the page explains, no more
// and no less; and the figures are those of what happened.
func TestMetricsAreExplained(t *testing.T) {
	root, logFile := folder(t)
	n := start(t, root, logFile, "")
	b := newTarget(t, newHunt(), n, root).browser(nil)
	if a := b.decide("accept_all", nil, nil); a.status != http.StatusCreated {
		t.Fatalf("acceptance: status %d", a.status)
	}
	b.events(b.event("pageview", "https://127.0.0.1/a", nil), b.event("unknown", "https://127.0.0.1/a", nil))
	b.decide("withdraw", nil, nil)
	conn := admin(t, n)
	await(t, conn, "the end of the erasure", "SELECT count() FROM erasures WHERE done_at IS NOT NULL", func(n uint64) bool { return n == 1 })
	refuseRows(t, conn, b.target) // so that there are errors to count
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	var values map[string]float64
	var kinds map[string]string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if kinds, values = scrape(t, n); values[`kelisim_erasure_jobs_closed_total`] == 1 && values[`kelisim_writer_retries_total`] > 0 && values[`kelisim_events_ended_total{detail="undeclared",outcome="invalid",site="demo"}`] > 0 {
			break
		}
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]string{}
	for _, m := range tableLine.FindAllStringSubmatch(string(page), -1) {
		explained[m[1]] = m[2]
	}
	given := maps.Clone(kinds)
	maps.DeleteFunc(given, func(name, _ string) bool { return !strings.HasPrefix(name, "kelisim_") })
	if d := cmp.Diff(explained, given); d != "" {
		t.Errorf("the page (-) and the node (+) differ:\n%s", d)
	}
	for series, least := range map[string]float64{
		`kelisim_requests_total{class="2xx",route="decision"}`:                             2,
		`kelisim_request_seconds_count{route="events"}`:                                    1,
		`kelisim_events_answered_total{detail="undeclared",outcome="invalid",site="demo"}`: 1,
		`kelisim_events_answered_total{detail="",outcome="stored",site="demo"}`:            1,
		`kelisim_events_ended_total{detail="undeclared",outcome="invalid",site="demo"}`:    1,
		`kelisim_writer_rows_total{table="consents"}`:                                      2,
		`kelisim_writer_retries_total`:                                                     1,
		`kelisim_writer_errors_total{code="rows"}`:                                         1,
		`kelisim_spool_syncs_total`:                                                        2,
		`kelisim_keys`:                                                                     1,
		`kelisim_policies`:                                                                 1,
		`kelisim_revocations`:                                                              1,
		`kelisim_engine_up`:                                                                1,
		`kelisim_limit_keys_total`:                                                         1,
		`go_goroutines`:                                                                    1,
		`process_resident_memory_bytes`:                                                    1,
	} {
		if values[series] < least {
			t.Errorf("%s is %v, want at least %v", series, values[series], least)
		}
	}
	if feed := values["kelisim_revocation_feed_seconds"]; feed > 30 {
		t.Errorf("the feed is %v s old", feed)
	}
	if len(values) > 1000 {
		t.Errorf("one site makes %d series", len(values))
	}
	stop(t, n)
}

// TestMetricsAreForTheAdminListener: the public one has none.
func TestMetricsAreForTheAdminListener(t *testing.T) {
	root, logFile := folder(t)
	n := start(t, root, logFile, nowhereDSN)
	if a := newTarget(t, newHunt(), n, root).get(n.PublicURL(), "/metrics"); a.status != http.StatusNotFound {
		t.Errorf("the public listener answers /metrics with %d", a.status)
	}
	if _, values := scrape(t, n); values["kelisim_policies"] != 1 {
		t.Error("without a database there are no figures")
	}
	stop(t, n)
}

// TestMetricsReferenceIsFresh: the page is made from the table, and the alert rules
// name series of it.
func TestMetricsReferenceIsFresh(t *testing.T) {
	docs := filepath.Join("..", "..", "..", "docs")
	path := filepath.Join(docs, "metrics.md")
	if os.Getenv("KELISIM_TEST_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(node.MetricsReference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil || string(page) != node.MetricsReference() {
		t.Errorf("docs/metrics.md is stale (%v): run KELISIM_TEST_UPDATE=1 go test ./cmd/kelisim/node -run MetricsReference", err)
	}
	rules, err := os.ReadFile(filepath.Join(docs, "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	known := []string{}
	for _, m := range tableLine.FindAllStringSubmatch(string(page), -1) {
		known = append(known, m[1], m[1]+"_bucket", m[1]+"_count", m[1]+"_sum")
	}
	named := regexp.MustCompile(`kelisim_[a-z_]+`).FindAllString(string(rules), -1)
	if len(named) < 10 {
		t.Errorf("the alert rules name %d series", len(named))
	}
	for _, name := range named {
		if !slices.Contains(known, name) {
			t.Errorf("an alert rule names %s, which there is not", name)
		}
	}
}
