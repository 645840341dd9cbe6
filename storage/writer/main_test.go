package writer_test

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/storage/embedded"
	"kelisim/storage/revocation"
	"kelisim/storage/schema"
	"kelisim/storage/storagetest"
	"kelisim/storage/storagetest/person"
	"kelisim/storage/writer"
)

func TestMain(m *testing.M) { os.Exit(storagetest.Main(m)) }

const deadline = time.Minute

// clock runs with the real one and can be put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())).UTC() }

func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// site opens a site on a new folder.
func site(t *testing.T, c *clock) *person.Site {
	t.Helper()
	return person.NewSite(t, t.TempDir(), c.now)
}

// connect opens the writer's role at an address, which may be a proxy's.
func connect(t testing.TB, address string) driver.Conn {
	t.Helper()
	access := embedded.Access{Address: address}
	engine := storagetest.Engine(t).Access()
	conn, err := access.Connect(engine.Roles[schema.RoleWriter], schema.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// newWriter makes the writer of a site's spool.
func newWriter(t *testing.T, s *person.Site, node string, conn driver.Conn, change ...func(*writer.Options)) *writer.Writer {
	t.Helper()
	o := writer.Options{
		Spool: s.Spool, Conn: conn, Feed: revocation.New(conn, s.Revoked, s.Now), Revoked: s.Revoked, Node: node,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: s.Now,
		FlushEvery: 10 * time.Millisecond, MaxBackoff: 100 * time.Millisecond, Heartbeat: 50 * time.Millisecond,
	}
	for _, c := range change {
		c(&o)
	}
	w, err := writer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs a writer until the returned function, or the end of the test.
func run(t testing.TB, w *writer.Writer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // ends with stop
		defer close(ended)
		w.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// flushed waits until nothing waits in a spool.
func flushed(t *testing.T, s *person.Site) {
	t.Helper()
	eventually(t, "the spool to be empty", func() bool { return s.Spool.Backlog() == 0 })
}

// flush runs a writer over what lies in a spool.
func flush(t *testing.T, s *person.Site, node string) {
	t.Helper()
	stop := run(t, newWriter(t, s, node, connect(t, storagetest.Engine(t).Access().Address)))
	flushed(t, s)
	stop()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain for %s", deadline, what)
		}
	}
}

// number reads one number, with every right.
func number(t testing.TB, conn driver.Conn, query string, args ...any) int {
	t.Helper()
	var n int64
	if err := conn.QueryRow(t.Context(), "SELECT toInt64(("+query+"))", args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return int(n)
}

// counts compares numbers.
func counts(t *testing.T, conn driver.Conn, want map[string]int) {
	t.Helper()
	for query, n := range want {
		if got := number(t, conn, query); got != n {
			t.Errorf("%s = %d, want %d", query, got, n)
		}
	}
}
