package chaos_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/cmd/kelisim/visitor"
	"kelisim/storage"
	"kelisim/storage/embedded"
)

// patience bounds every wait.
const patience = 40 * time.Second

// world is an installation with its visitors. The installation is crashed and
// started again; the visitors go on, and repeat every call until it is answered.
type world struct {
	t                         *testing.T
	dir, data, policies, file string
	address                   string
	env                       []string
	open                      func(*world) (*storage.DB, error)
	cmd                       *exec.Cmd
	gone                      chan struct{}
	output                    *output

	pace  time.Duration // between two views of a visitor
	point string        // what is armed
	hits  int

	ledger  ledger
	stopAll context.CancelFunc
	players sync.WaitGroup
	full    atomic.Int64 // answers 503
}

// event is the identity of an event, as the browser knows it.
type event struct {
	session uuid.UUID
	seq     uint32
}

// ledger is what the visitors were told.
type ledger struct {
	mu        sync.Mutex
	acked     map[event]bool
	unknown   map[event]bool // sent, and never answered
	decisions int
}

func (l *ledger) add(e event, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if answered {
		l.acked[e] = true
	} else {
		l.unknown[e] = true
	}
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// newWorld makes an installation of as many sites as partitions, each of which
// keeps its events for another time.
func newWorld(t *testing.T, partitions int) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), open: openEngine, pace: 40 * time.Millisecond, ledger: ledger{acked: map[event]bool{}, unknown: map[event]bool{}}}
	w.data, w.policies, w.file = filepath.Join(w.dir, "data"), filepath.Join(w.dir, "policies"), filepath.Join(w.dir, "hits")
	if err := os.MkdirAll(w.policies, 0o700); err != nil {
		t.Fatal(err)
	}
	demo, err := os.ReadFile("../../../policies/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i := range partitions {
		text := strings.Replace(string(demo), "site: demo", fmt.Sprintf("site: site%d", i), 1)
		text = strings.ReplaceAll(text, "retention_days: 90", fmt.Sprintf("retention_days: %d", 40+i))
		hosts := fmt.Sprintf("hosts: [site%d.example.com]", i)
		if text = strings.Replace(text, "hosts: [localhost, 127.0.0.1]", hosts, 1); !strings.Contains(text, hosts) || strings.Contains(text, "days: 90") {
			t.Fatal("the demo policy has changed")
		}
		if err := os.WriteFile(filepath.Join(w.policies, fmt.Sprintf("site%d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.kill)
	return w
}

// arm makes the next start die at a point.
func (w *world) arm(point, action string, at int) {
	w.point = ""
	if point != "" {
		w.point = fmt.Sprintf("%s=%s@%d", point, action, at)
	}
}

// launch starts the collector.
func (w *world) launch() {
	w.t.Helper()
	w.output = &output{}
	w.cmd = exec.Command(os.Getenv(binaryVariable), "serve", "--listen", w.address, "--admin-listen", "127.0.0.1:0",
		"--data-dir", w.data, "--policies", w.policies)
	w.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "KELISIM_") }),
		"KELISIM_TRUSTED_PROXIES=127.0.0.1/32", "KELISIM_RATE_LIMIT=0", "KELISIM_CHDB_LIB="+library(w.t),
		"KELISIM_TEST_FAILPOINTS="+w.point, "KELISIM_TEST_HITS="+w.file, "KELISIM_TEST_ENGINE="+filepath.Join(w.data, "run", "engine.json"))
	w.cmd.Env = append(w.cmd.Env, w.env...)
	w.cmd.Dir, w.cmd.Stdout, w.cmd.Stderr = w.dir, w.output, w.output
	if err := os.Remove(w.file); err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	gone, cmd := make(chan struct{}), w.cmd
	w.gone = gone
	go func() { // ends with the process
		_ = cmd.Wait()
		close(gone)
	}()
}

func library(t *testing.T) string {
	t.Helper()
	path, err := embedded.FindLibrary("")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	files, _ := filepath.Glob(filepath.Join(w.data, "spool", "*"))
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			w.t.Logf("%12d %s", info.Size(), name)
		}
	}
	w.t.Fatalf("%s\narmed: %q, data: %s\n%s", fmt.Sprintf(format, args...), w.point, w.data, w.output.tail())
}

// output is what the process says; it may be looked at while it speaks.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// tail is the last of it.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(o.text.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

func (w *world) wait(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.fail("waited %s in vain for %s", patience, what)
		}
	}
}

// waitHit waits until the armed point was hit.
func (w *world) waitHit() {
	w.t.Helper()
	w.wait("the point to be hit", func() bool {
		b, err := os.ReadFile(w.file)
		return err == nil && len(b) > 0
	})
	w.hits++
}

func (w *world) waitDeath() {
	w.t.Helper()
	select {
	case <-w.gone:
	case <-time.After(patience):
		w.fail("the process lives on")
	}
}

// waitMore waits until another number of events was acknowledged.
func (w *world) waitMore(n int) {
	w.t.Helper()
	from := w.ledger.count()
	w.wait("events to be acknowledged", func() bool { return w.ledger.count() >= from+n })
}

// waitStored waits until the collector is ready and has flushed again.
func (w *world) waitStored() {
	w.t.Helper()
	w.wait("the collector to be ready again", func() bool {
		res, err := http.Get("http://" + w.address + "/readyz")
		return err == nil && errors.Join(res.Body.Close()) == nil && res.StatusCode == http.StatusOK
	})
	w.waitMore(20)
}

// stop asks the collector to end.
func (w *world) stop() {
	w.t.Helper()
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	w.waitDeath()
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		w.fail("exit code after SIGTERM = %d", code)
	}
}

func (w *world) kill() {
	if w.stopAll != nil {
		w.stopAll()
		w.players.Wait()
	}
	if w.cmd != nil {
		_ = w.cmd.Process.Kill()
		<-w.gone
	}
}

// playersEach is how many visitors a site has at a time.
const playersEach = 6

// play lets visitors come until the judgement.
func (w *world) play() {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.stopAll = cancel
	sites, _ := filepath.Glob(filepath.Join(w.policies, "*.yaml"))
	client := &http.Client{Timeout: 10 * time.Second, Transport: counting{&w.full, &http.Transport{MaxIdleConnsPerHost: 64}}}
	for i := range len(sites) {
		for n := range playersEach * 5 / len(sites) {
			w.players.Go(func() { w.visit(ctx, client, fmt.Sprintf("site%d", i), n) })
		}
	}
}

// counting counts answers that say that there is no room.
type counting struct {
	full *atomic.Int64
	http.RoundTripper
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.RoundTripper.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusServiceUnavailable {
		c.full.Add(1)
	}
	return res, err
}

// visit plays one visitor after the other: each decides, looks at thirty pages,
// and goes.
func (w *world) visit(ctx context.Context, client *http.Client, site string, n int) {
	for ctx.Err() == nil {
		v := visitor.New(visitor.Options{
			Base: "http://" + w.address, Site: site, Origin: "https://" + site + ".example.com", Address: fmt.Sprintf("198.18.0.%d", n+1), Lang: "kk",
			UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
			Client:    client, Now: time.Now, PatientFor: 10 * time.Minute,
		})
		if err := v.Decide(ctx, "accept_all", nil); err != nil {
			w.unexpected(ctx, err)
			return
		}
		w.ledger.mu.Lock()
		w.ledger.decisions++
		w.ledger.mu.Unlock()
		for range 30 {
			e := v.Pageview("https://"+site+".example.com/page", "")
			a, err := v.Send(ctx, e)
			w.ledger.add(event{uuid.MustParse(v.Session()), uint32(e.Seq)}, err == nil)
			if err != nil {
				w.unexpected(ctx, err)
				return
			}
			if a.Accepted+a.Dropped["duplicate"] != 1 {
				w.t.Errorf("an honest event was dropped: %v", a)
				return
			}
			select {
			case <-time.After(w.pace):
			case <-ctx.Done():
			}
		}
	}
}

func (w *world) unexpected(ctx context.Context, err error) {
	if ctx.Err() == nil {
		w.t.Error(err)
	}
}

// fillDisk takes all room, until a visitor was told so, and gives it back.
func (w *world) fillDisk(path string) {
	w.t.Helper()
	f, err := os.Create(path)
	if err != nil {
		w.t.Fatal(err)
	}
	before, chunk := w.full.Load(), make([]byte, 4<<10)
	w.wait("the answer that there is no room", func() bool {
		for err = nil; err == nil; { // what a flush makes free is taken as well
			_, err = f.Write(chunk)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			w.fail("%v", err)
		}
		return w.full.Load() > before+20
	})
	if err := errors.Join(f.Close(), os.Remove(path)); err != nil {
		w.t.Fatal(err)
	}
	w.hits++
}

// judge ends the visits and holds the ledger against the tables.
func (w *world) judge(what string) {
	w.t.Helper()
	w.waitMore(20)
	w.stopAll()
	w.players.Wait()
	db, err := w.open(w)
	if err != nil {
		w.fail("%v", err)
	}
	defer db.Close()
	stored := map[event]int{}
	w.wait("what was acknowledged to be stored", func() bool {
		if stored, err = w.stored(db); err != nil {
			w.t.Log(err)
			return false
		}
		for e := range w.ledger.acked {
			if stored[e] == 0 {
				return false
			}
		}
		return true
	})
	sum := func(query string) (n int64) {
		if err := db.Maintenance().QueryRow(w.t.Context(), "SELECT toInt64(("+query+"))").Scan(&n); err != nil {
			w.t.Error(err)
		}
		return n
	}
	// What was under way when the visits ended may be stored after the look at the table.
	w.wait("the counters to add up", func() bool {
		return sum("SELECT (SELECT sum(n) FROM outcomes WHERE outcome = 'stored') - (SELECT uniqExact(session_id, seq, name) FROM events)") == 0
	})
	if stored, err = w.stored(db); err != nil {
		w.fail("%v", err)
	}
	lost, doubled, foreign := 0, 0, 0
	for e := range w.ledger.acked {
		if stored[e] == 0 {
			lost++
		}
	}
	for e, n := range stored {
		if n > 1 {
			doubled++
		}
		if !w.ledger.acked[e] && !w.ledger.unknown[e] {
			foreign++
		}
	}
	decisions, twice := sum("SELECT uniqExact(consent_id, number) FROM consents"), sum("SELECT count() - uniqExact(consent_id, number) FROM consents")
	without := sum("SELECT count() FROM events WHERE consent_id NOT IN (SELECT consent_id FROM consents)")
	w.t.Logf("%-45s rounds %d, hits %d: acknowledged %d, stored %d, lost %d, doubled %d; decisions %d of %d, doubled %d",
		what, rounds(), w.hits, len(w.ledger.acked), len(stored), lost, doubled, decisions, w.ledger.decisions, twice)
	if lost+doubled+foreign > 0 || decisions < int64(w.ledger.decisions) || twice > 0 || without > 0 || w.hits < rounds() {
		w.fail("lost %d, doubled %d, foreign %d; decisions lost %d, doubled %d; events without a decision %d; hits %d",
			lost, doubled, foreign, int64(w.ledger.decisions)-decisions, twice, without, w.hits)
	}
	w.stop()
}

// openEngine reaches the embedded database of the running collector.
func openEngine(w *world) (*storage.DB, error) {
	var access *embedded.Access
	w.wait("the engine", func() bool {
		var err error
		access, err = embedded.Attach(w.t.Context(), w.data)
		return err == nil
	})
	return storage.Open(w.t.Context(), storage.Options{Engine: access})
}

// stored counts the rows of every event in the base table.
func (w *world) stored(db *storage.DB) (map[event]int, error) {
	rows, err := db.Maintenance().Query(w.t.Context(), "SELECT session_id, seq, toInt64(count()) FROM events GROUP BY session_id, seq, name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[event]int{}
	for rows.Next() {
		var (
			e event
			n int64
		)
		if err := rows.Scan(&e.session, &e.seq, &n); err != nil {
			return nil, err
		}
		all[e] += int(n)
	}
	return all, rows.Err()
}
