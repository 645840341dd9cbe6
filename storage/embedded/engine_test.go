package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kelisim/storage/datadir"
	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

const deadline = 20 * time.Second

func TestStartAndStop(t *testing.T) {
	dir := t.TempDir()
	began := time.Now()
	var log safeBuffer
	engine := start(t, embedded.Options{DataDir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	t.Logf("started in %v", time.Since(began))
	access := engine.Access()
	t.Logf("engine memory: %s", memory(t, access.EnginePID))

	fill(t, access)
	for _, name := range []string{"engine.json", "config.xml", "users.xml"} {
		info, err := os.Stat(filepath.Join(dir, "run", name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode().Perm())
		}
	}
	attached, err := embedded.Attach(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := number(t, attached, "SELECT count() FROM kept"); got != 1000 {
		t.Errorf("rows through engine.json = %d, want 1000", got)
	}

	own := niceness(t, os.Getpid())[strconv.Itoa(os.Getpid())]
	for thread, nice := range niceness(t, access.EnginePID) {
		if nice != min(own+10, 19) && nice != -20 { // as the engine sets its watch over memory
			t.Errorf("thread %s of the engine has niceness %d beside our %d", thread, nice, own)
		}
	}
	stopNow(t, engine)
	if log.String() != "" {
		t.Errorf("a quiet life left lines in the log:\n%s", log.String())
	}
	if alive(access.EnginePID) {
		t.Error("the engine lives on after Stop")
	}
	if _, err := embedded.Attach(t.Context(), dir); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("Attach after Stop: %v, want ErrNotRunning", err)
	}
	again := start(t, embedded.Options{DataDir: dir, LowMemory: true})
	if got := number(t, again.Access(), "SELECT count() FROM kept"); got != 1000 {
		t.Errorf("rows after a restart = %d, want 1000", got)
	}
	t.Logf("engine memory, low-memory profile: %s", memory(t, again.Access().EnginePID))
}

// niceness is how far each thread of a process lets others go first.
func niceness(t *testing.T, pid int) map[string]int {
	t.Helper()
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // it ended meanwhile
		}
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if all[filepath.Base(filepath.Dir(path))], err = strconv.Atoi(fields[16]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestProfilesReachTheEngine(t *testing.T) {
	for _, test := range []struct {
		low                   bool
		memory, marks, merges string
	}{
		{false, "", "67108864", "2"},
		{true, "524288000", "4194304", "1"},
	} {
		engine := start(t, embedded.Options{LowMemory: test.low})
		for name, want := range map[string]string{
			"max_server_memory_usage": test.memory, "mark_cache_size": test.marks, "background_pool_size": test.merges,
		} {
			query := fmt.Sprintf("SELECT count() FROM system.server_settings WHERE name = '%s' AND (value = '%s' OR '%[2]s' = '')", name, want)
			if number(t, engine.Access(), query) != 1 {
				t.Errorf("low memory %v: %s is not %s", test.low, name, want)
			}
		}
		stopNow(t, engine)
	}
}

// TestLimitsOfStrangersAreNotOurs: whoever logs in without a password is held
// short; the program's own users and the work behind the tables are not.
func TestLimitsOfStrangersAreNotOurs(t *testing.T) {
	engine := start(t, embedded.Options{})
	limits := func(c embedded.Credentials) (threads, memory, seconds uint64) {
		t.Helper()
		conn, err := engine.Access().Connect(c, schema.Database)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		row := conn.QueryRow(t.Context(), `SELECT toUInt64OrZero(extract(toString(getSetting('max_threads')), '\\d+')),
			toUInt64(getSetting('max_memory_usage')), toUInt64(getSetting('max_execution_time'))`)
		if err := row.Scan(&threads, &memory, &seconds); err != nil {
			t.Fatal(err)
		}
		return threads, memory, seconds
	}
	for _, c := range []embedded.Credentials{*engine.Access().Admin, engine.Access().Roles[schema.RoleWriter], engine.Access().Roles[schema.RoleMaintenance]} {
		if threads, memory, seconds := limits(c); threads == 1 || memory == 100_000_000 || seconds == 5 {
			t.Errorf("%s has the limits of strangers: %d threads, %d bytes, %d s", c.User, threads, memory, seconds)
		}
	}
	if threads, memory, seconds := limits(embedded.Credentials{User: "default"}); threads != 1 || memory != 100_000_000 || seconds != 5 {
		t.Errorf("a stranger has %d threads, %d bytes, %d s", threads, memory, seconds)
	}
}

func TestStopWhileQueriesRun(t *testing.T) {
	engine := start(t, embedded.Options{})
	access := engine.Access()
	conn, err := access.Connect(*access.Admin, schema.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ended := make(chan error, 1)
	go func() {
		ended <- conn.Exec(context.Background(), "SELECT sum(sleepEachRow(1)) FROM numbers(60) SETTINGS max_block_size=1")
	}()
	waitFor(t, "the query to run", func() bool {
		return number(t, access, "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%'") > 1
	})
	began := time.Now()
	stopNow(t, engine)
	t.Logf("stopped in %v", time.Since(began))
	if err := <-ended; err == nil {
		t.Error("the query ended well though the engine was stopped")
	}
}

func TestWrongPasswordDoesNotHarmTheEngine(t *testing.T) {
	var log safeBuffer
	engine := start(t, embedded.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	access := engine.Access()
	for _, wrong := range []embedded.Credentials{
		{User: schema.RoleWriter.User(), Password: "wrong"}, {User: "nobody", Password: "wrong"},
	} {
		conn, err := access.Connect(wrong, schema.Database)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Ping(t.Context()); err == nil {
			t.Error("a wrong password is let in")
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, noise := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x01", strings.Repeat("\xff", 1000)} {
		conn, err := net.Dial("tcp", access.Address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(noise)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	time.Sleep(300 * time.Millisecond)
	number(t, access, "SELECT count()")
	if now := engine.Access().EnginePID; now != access.EnginePID {
		t.Errorf("engine was restarted: pid %d, then %d", access.EnginePID, now)
	}
	t.Logf("log:\n%s", log.String())
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	start(t, embedded.Options{DataDir: dir})
	_, err := embedded.Start(t.Context(), embedded.Options{DataDir: dir, Library: os.Getenv(embedded.LibraryVariable)})
	var held *datadir.HeldError
	if !errors.As(err, &held) {
		t.Fatalf("second Start: %v, want a HeldError", err)
	}
	want := fmt.Sprintf("data folder %s is in use by process %d: stop it or give another --data-dir", dir, os.Getpid())
	if err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
}

func TestMissingLibraryNamesBothWaysOut(t *testing.T) {
	_, err := embedded.Start(t.Context(), embedded.Options{DataDir: t.TempDir(), Library: "/nowhere/libchdb.so"})
	if !errors.Is(err, embedded.ErrNoLibrary) {
		t.Fatalf("error = %v, want ErrNoLibrary", err)
	}
	for _, way := range []string{"npm install", embedded.LibraryVariable, "--clickhouse-dsn"} {
		if !strings.Contains(err.Error(), way) {
			t.Errorf("error %q does not name %s", err, way)
		}
	}
}

func TestBrokenLibraryIsToldAtOnce(t *testing.T) {
	library := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(library, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Start(t.Context(), embedded.Options{DataDir: t.TempDir(), Library: library})
	if err == nil || !strings.Contains(err.Error(), "load library") {
		t.Errorf("error = %v, want one about loading the library", err)
	}
}

func TestEngineComesBackAfterACrash(t *testing.T) {
	var log safeBuffer
	engine := start(t, embedded.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	before := engine.Access()
	fill(t, before)
	pool, err := before.Connect(before.Roles[schema.RoleWriter], schema.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(before.EnginePID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	waitFor(t, "the open pool to work again", func() bool {
		var n uint64
		return pool.QueryRow(t.Context(), "SELECT count() FROM kept").Scan(&n) == nil && n == 1000
	})
	t.Logf("back after %v", time.Since(began))
	waitFor(t, "the log to say so", func() bool { return strings.Contains(log.String(), "clickhouse is back") })
	after := engine.Access()
	if after.Address != before.Address || after.EnginePID == before.EnginePID {
		t.Errorf("after the crash: %s pid %d, want %s and another pid than %d",
			after.Address, after.EnginePID, before.Address, before.EnginePID)
	}
}

func TestSignalsToTheGroupDoNotEndTheEngine(t *testing.T) {
	engine := start(t, embedded.Options{})
	access := engine.Access()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(access.EnginePID, signal); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	number(t, access, "SELECT count()")
	if now := engine.Access().EnginePID; now != access.EnginePID {
		t.Errorf("engine was restarted: pid %d, then %d", access.EnginePID, now)
	}
}

func TestKilledParentLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), parentVariable+"="+dir)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("parent said %q, %v", line, err)
	}
	access, err := embedded.Attach(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, access)

	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // killed, as meant
	began := time.Now()
	engine := start(t, embedded.Options{DataDir: dir}) // at once: nothing stale stands in the way
	t.Logf("a new parent runs after %v", time.Since(began))
	if got := number(t, engine.Access(), "SELECT count() FROM kept"); got != 1000 {
		t.Errorf("rows after kill -9 = %d, want 1000", got)
	}
	waitFor(t, "the orphan to be gone", func() bool { return !alive(access.EnginePID) })
}

// The engine of a killed parent may need a while to end; until then it holds a
// lock of its own on the tables.
func TestStartWaitsForAnOrphanToEnd(t *testing.T) {
	dir := t.TempDir()
	stopNow(t, start(t, embedded.Options{DataDir: dir}))
	orphan, err := os.OpenFile(filepath.Join(dir, "clickhouse", "status"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(orphan.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	const held = 700 * time.Millisecond
	time.AfterFunc(held, func() { orphan.Close() })
	began := time.Now()
	start(t, embedded.Options{DataDir: dir})
	if took := time.Since(began); took < held {
		t.Errorf("started after %v though the tables were locked for %v", took, held)
	}
}

func TestKilledParentsEngineJSONIsStale(t *testing.T) {
	dir := t.TempDir()
	engine := start(t, embedded.Options{DataDir: dir})
	path := filepath.Join(dir, "run", "engine.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stopNow(t, engine)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = embedded.Attach(t.Context(), dir)
	if !errors.Is(err, embedded.ErrNotRunning) || !strings.Contains(err.Error(), "stale") {
		t.Errorf("Attach with a leftover engine.json: %v, want a stale one", err)
	}
}

// fill makes a table kept with 1000 rows.
func fill(t *testing.T, access *embedded.Access) {
	t.Helper()
	run(t, access,
		"CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n",
		"INSERT INTO kept SELECT number FROM numbers(1000)")
}

func stopNow(t *testing.T, engine *embedded.Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := engine.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func alive(pid int) bool {
	return syscall.Kill(pid, 0) == nil
}

func memory(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "RssAnon") || strings.HasPrefix(line, "Threads") {
			found = append(found, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(found, ", ")
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited %v in vain for %s", deadline, what)
}

// safeBuffer is a buffer for a logger that several goroutines use.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
