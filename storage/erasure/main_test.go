package erasure_test

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/storage"
	"kelisim/storage/erasure"
	"kelisim/storage/revocation"
	"kelisim/storage/storagetest"
	"kelisim/storage/storagetest/person"
	"kelisim/storage/writer"
)

func TestMain(m *testing.M) { os.Exit(storagetest.Main(m)) }

const deadline = 15 * time.Second

// margin of the erasers of these tests.
const margin = 10 * time.Second

// clock runs with the real one and can be put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())).UTC() }

func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// world is a database with one node and an eraser that is driven by hand.
type world struct {
	*clock
	*person.Site
	db     *storage.DB
	admin  driver.Conn
	eraser *erasure.Eraser
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: &clock{}, db: storagetest.DB(t), admin: storagetest.Admin(t)}
	w.Site = person.NewSite(t, t.TempDir(), w.now)
	w.eraser = w.newEraser(t)
	return w
}

func (w *world) newEraser(t *testing.T) *erasure.Eraser {
	t.Helper()
	e, err := erasure.New(erasure.Options{
		Conn: w.db.Maintenance(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: w.now, Margin: margin,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// flush moves what lies in the site's spool into the database; the node's
// heartbeat goes with it.
func (w *world) flush(t *testing.T) { t.Helper(); w.flushAs(t, w.Site, "one") }

func (w *world) flushAs(t *testing.T, s *person.Site, node string) {
	t.Helper()
	conn := w.db.Writer()
	wr, err := writer.New(writer.Options{
		Spool: s.Spool, Conn: conn, Feed: revocation.New(conn, s.Revoked, s.Now), Revoked: s.Revoked, Node: node,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: s.Now,
		FlushEvery: time.Millisecond, Heartbeat: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	from := w.now()
	go func() { // ends with cancel
		defer close(ended)
		wr.Run(ctx)
	}()
	for end := time.Now().Add(deadline); s.Spool.Backlog() > 0 || w.beat(t, node).Before(from); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the spool is not flushed")
		}
	}
	cancel()
	<-ended
}

// beat is a node's newest watermark.
func (w *world) beat(t *testing.T, node string) time.Time {
	t.Helper()
	var at time.Time
	if err := w.admin.QueryRow(t.Context(), "SELECT max(watermark) FROM nodes WHERE node = ?", node).Scan(&at); err != nil {
		t.Fatal(err)
	}
	return at
}

// pass runs one pass of the eraser and returns how many jobs stay open.
func (w *world) pass(t *testing.T) int {
	t.Helper()
	open, err := w.eraser.Pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return open
}

// finish lets time and heartbeats go on until the jobs can be closed.
func (w *world) finish(t *testing.T) {
	t.Helper()
	w.pass(t)
	w.forward(margin + time.Second)
	w.flush(t)
	if open := w.pass(t); open != 0 {
		t.Fatalf("%d jobs stay open", open)
	}
}

// number reads one number, with every right.
func (w *world) number(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int64
	if err := w.admin.QueryRow(t.Context(), "SELECT toInt64(("+query+"))", args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return int(n)
}

// counts compares numbers.
func (w *world) counts(t *testing.T, want map[string]int) {
	t.Helper()
	for query, n := range want {
		if got := w.number(t, query); got != n {
			t.Errorf("%s = %d, want %d", query, got, n)
		}
	}
}
