package blackbox_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/agents"
	"kelisim/pipeline/outcome"
)

// accessLog finds the log among the test data. Where that folder is absent the
// test is skipped, and says so.
func accessLog(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("KELISIM_TEST_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("SKIPPED: THE TEST DATA ARE ABSENT (%s); name their folder with KELISIM_TEST_DATA", folder)
	}
	file, err := filepath.Abs(filepath.Join(folder, "access-log-2015.txt"))
	if err == nil {
		_, err = os.Stat(file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// pageviews is the rule in awk: GET, status 200 or 304, a path without a file
// extension. It prints address, path and User-Agent.
const pageviews = `{
	split($1, head, " "); split($2, request, " "); split($3, answer, " ")
	if (request[1] != "GET" || (answer[1] != 200 && answer[1] != 304)) next
	path = request[2]
	sub(/[?#].*/, "", path)
	last = path
	sub(/.*\//, "", last)
	if (last ~ /[.]/) next
	printf "%s\t%s\t%s\n", head[1], path, $6
}`

// byPath counts page views by path in awk.
const byPath = `{ n[$2]++ } END { for (p in n) printf "%d\t%s\n", n[p], p }`

func awk(t *testing.T, separator, program string, input []byte) []string {
	t.Helper()
	run := exec.CommandContext(t.Context(), "awk", "-F", separator, program)
	run.Env, run.Stdin = append(os.Environ(), "LC_ALL=C"), bytes.NewReader(input)
	out, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// expected is what the log says, counted without the program's own reader.
type expected struct {
	views, visitors, consenting, refusing int
	stored, bots, refused                 int            // page views
	byPath                                map[string]int // of what must be stored
	byVisitor                             []int          // how many rows each visitor leaves, in order of size
}

func expect(t *testing.T, file string) expected {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	recogniser, err := agents.New()
	if err != nil {
		t.Fatal(err)
	}
	e := expected{byPath: map[string]int{}}
	rows, consents := map[string]int{}, map[string]bool{}
	var stored bytes.Buffer
	for _, line := range awk(t, `"`, pageviews, text) {
		field := strings.Split(line, "\t")
		who := field[0] + field[2]
		e.views++
		consents[who] = sha256.Sum256([]byte(who))[0] < 154
		switch {
		case !consents[who]:
			e.refused++
		case recogniser.Recognise(enrich.Headers{UserAgent: field[2]}).Bot != outcome.None:
			e.bots++
		default:
			e.stored++
			rows[who]++
			fmt.Fprintln(&stored, line)
		}
	}
	for _, yes := range consents {
		e.visitors++
		if yes {
			e.consenting++
		}
	}
	e.refusing = e.visitors - e.consenting
	for _, line := range awk(t, `\t`, byPath, stored.Bytes()) {
		n, path, _ := strings.Cut(line, "\t")
		if e.byPath[path], err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
	}
	e.byVisitor = slices.Sorted(maps.Values(rows))
	return e
}

// report reads what kelisim load printed.
func report(t *testing.T, p *process) map[string]int {
	t.Helper()
	if code := p.exit(2 * time.Minute); code != 0 {
		t.Fatalf("kelisim load ended with %d: %s", code, p.errs)
	}
	r := map[string]int{}
	for line := range strings.Lines(p.out.String()) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.Atoi(value); err == nil {
			r[key] = n
		}
	}
	return r
}

func (n *node) load(t *testing.T, file string) *process {
	t.Helper()
	return launch(t, environment(t), "load", "--from-access-log", file, "--insist", "--policies", n.policies, "--url", n.url())
}

// TestAccessLog plays a real site's log. For each visitor who consents: page
// views sent = stored + dropped as a crawler's; of who refuses nothing stays.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	file := accessLog(t)
	want := expect(t, file)
	n := install(t)
	n.serve(t)
	began := time.Now()
	got := report(t, n.load(t, file))
	t.Logf("%d page views of %d visitors in %s: %d stored, %d of crawlers, %d without consent",
		want.views, want.visitors, time.Since(began).Round(time.Millisecond), want.stored, want.bots, want.refused)
	if d := cmp.Diff(map[string]int{
		"lines": 10000, "malformed lines": 1, "page views": want.views, "visitors": want.visitors,
		"consenting": want.consenting, "refusing": want.refusing, "sent": want.views, "accepted": want.stored,
		"not sent for lack of consent": 0, "dropped bot": want.bots, "dropped no_consent": want.refused,
	}, got); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}
	conn := n.sql(t)
	settles(t, conn, want.views, "SELECT sum(n) FROM outcomes")
	for outcome, n := range map[string]int{"stored": want.stored, "bot": want.bots, "no_consent": want.refused} {
		if got := number(t, conn, "SELECT sum(n) FROM outcomes WHERE outcome = ?", outcome); got != n {
			t.Errorf("outcome %s = %d, want %d", outcome, got, n)
		}
	}
	if got := number(t, conn, "SELECT sum(n) FROM banner_counts WHERE kind = 'refused'"); got != want.refusing {
		t.Errorf("refusals counted = %d, want %d", got, want.refusing)
	}
	if got := number(t, conn, "SELECT count() FROM consents"); got != want.consenting {
		t.Errorf("decisions = %d, want %d", got, want.consenting)
	}
	want.compare(t, conn)
	n.stop()
}

// compare counts in the base table.
func (e expected) compare(t *testing.T, conn driver.Conn) {
	t.Helper()
	if got := number(t, conn, "SELECT count() FROM events"); got != e.stored {
		t.Errorf("rows = %d, want %d", got, e.stored)
	}
	once(t, conn)
	paths, visitors := map[string]int{}, []int{}
	rows, err := conn.Query(t.Context(), "SELECT path, count() FROM events GROUP BY path")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var path string
		var n uint64
		if err := rows.Scan(&path, &n); err != nil {
			t.Fatal(err)
		}
		paths[path] = int(n)
	}
	if rows, err = conn.Query(t.Context(), "SELECT count() AS n FROM events GROUP BY consent_id ORDER BY n"); err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var n uint64
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		visitors = append(visitors, int(n))
	}
	if d := cmp.Diff(e.byPath, paths); d != "" {
		t.Errorf("rows by path (-awk +table):\n%s", d)
	}
	if d := cmp.Diff(e.byVisitor, visitors); d != "" {
		t.Errorf("rows by visitor (-awk +table):\n%s", d)
	}
}

// TestAccessLogAcrossARestart stops the collector in the middle of the same
// load, and starts it again on its data while the visitors try on.
func TestAccessLogAcrossARestart(t *testing.T) {
	t.Parallel()
	file := accessLog(t)
	want := expect(t, file)
	n := install(t)
	n.serve(t)
	pipe := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	player := n.load(t, pipe)
	rest := make(chan struct{})
	fed := feed(t, file, pipe, rest)
	conn := n.sql(t)
	eventually(t, deadline, "the first rows", func() bool { return number(t, conn, "SELECT count() FROM events") > 50 })
	before := number(t, conn, "SELECT count() FROM events")
	close(rest)
	n.stop()
	n.serve(t)
	if err := <-fed; err != nil {
		t.Fatal(err)
	}
	got := report(t, player)
	if before >= want.stored {
		t.Fatalf("all %d rows stood with half of the log", before)
	}
	t.Logf("stopped at %d of %d rows; %v", before, want.stored, got)
	for key, n := range map[string]int{
		"page views": want.views, "sent": want.views, "accepted": want.stored, "dropped bot": want.bots, "dropped no_consent": want.refused,
	} {
		if got[key] != n {
			t.Errorf("report: %s = %d, want %d", key, got[key], n)
		}
	}
	conn = n.sql(t)
	settles(t, conn, want.stored, "SELECT sum(n) FROM outcomes WHERE outcome = 'stored'")
	want.compare(t, conn)
	n.stop()
}

// feed writes the log into a pipe a few lines at a time, so that the load takes
// about two seconds; its second half when rest is closed.
func feed(t *testing.T, file, pipe string, rest <-chan struct{}) <-chan error {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { // ends with the log, or with its reader
		done <- func() error {
			w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer w.Close()
			parts := slices.Collect(slices.Chunk(slices.Collect(strings.Lines(string(text))), 50))
			for i, lines := range parts {
				if i == len(parts)/2 {
					select {
					case <-rest:
					case <-t.Context().Done():
						return nil
					}
				}
				if _, err := w.WriteString(strings.Join(lines, "")); err != nil {
					return err
				}
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		}()
	}()
	return done
}
