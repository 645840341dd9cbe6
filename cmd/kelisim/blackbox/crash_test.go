package blackbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kelisim/storage/datadir"
)

// TestUnreachableClickHouse: a database that is away does not keep a node from
// starting. What it accepts meanwhile survives a crash and reaches the database
// when there is one.
func TestUnreachableClickHouse(t *testing.T) {
	t.Parallel()
	n := install(t)
	n.serve(t, "--clickhouse-dsn", "clickhouse://127.0.0.1:1/kelisim")
	if status, _ := get(t, n.url()+"/livez"); status != http.StatusOK {
		t.Errorf("/livez answers %d", status)
	}
	status, why := 0, ""
	eventually(t, deadline, "/readyz to name the database", func() bool {
		status, why = get(t, n.url()+"/readyz")
		return strings.Contains(why, "clickhouse cannot be reached")
	})
	if status != http.StatusServiceUnavailable {
		t.Errorf("/readyz answers %d: %s", status, why)
	}
	v := n.consenting(t)
	for i := range 20 {
		view(t, v, fmt.Sprintf("/away/%d", i))
	}
	if err := n.visitor().Decide(t.Context(), "refuse_all", nil); err != nil {
		t.Fatal(err)
	}
	n.kill()

	n.serve(t)
	if status, why := get(t, n.url()+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz answers %d: %s", status, why)
	}
	view(t, v, "/back")
	conn := n.sql(t)
	settles(t, conn, 21, "SELECT sum(n) FROM outcomes WHERE outcome = 'stored'")
	settles(t, conn, 21, "SELECT count() FROM events")
	settles(t, conn, 1, "SELECT count() FROM consents")
	settles(t, conn, 1, "SELECT sum(n) FROM banner_counts WHERE kind = 'refused'")
	once(t, conn)
	n.stop()
}

// traffic sends page views one after another until it is ended, and counts what
// was acknowledged. A visitor repeats a call until it is.
func (n *node) traffic(t *testing.T) (acknowledged *atomic.Int64, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	acknowledged = &atomic.Int64{}
	v := n.consenting(t)
	ended, over := make(chan error, 1), atomic.Bool{}
	go func() { // ends with end, or with the test
		for i := 0; !over.Load(); i++ {
			a, err := v.Send(ctx, v.Pageview(origin+fmt.Sprintf("/page/%d", i), ""))
			if err == nil && a.Accepted != 1 {
				err = fmt.Errorf("not accepted: %+v", a)
			}
			if err != nil {
				ended <- err
				return
			}
			acknowledged.Add(1)
		}
		ended <- nil
	}()
	return acknowledged, func() {
		t.Helper()
		over.Store(true)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		cancel()
	}
}

// more waits until another number of events was acknowledged.
func more(t *testing.T, acknowledged *atomic.Int64, n int64) {
	t.Helper()
	from := acknowledged.Load()
	eventually(t, deadline, "more events to be acknowledged", func() bool { return acknowledged.Load() >= from+n })
}

// TestKillOfTheParent kills the program three times under load. Its engine ends
// with it, its lock with both, and what it acknowledged is stored once.
func TestKillOfTheParent(t *testing.T) {
	t.Parallel()
	n := install(t)
	n.serve(t)
	acknowledged, end := n.traffic(t)
	var slowest time.Duration
	for range 3 {
		more(t, acknowledged, 300)
		engine := n.access(t).EnginePID
		if !runs(engine) {
			t.Fatalf("engine.json names process %d, which does not run", engine)
		}
		n.kill()
		began := time.Now()
		eventually(t, deadline, "the engine to end with its parent", func() bool { return !runs(engine) })
		slowest = max(slowest, time.Since(began))
		lock, err := datadir.Acquire(n.data)
		if err != nil {
			t.Fatalf("a lock is left: %v", err)
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
		n.serve(t)
	}
	more(t, acknowledged, 100)
	end()
	conn, want := n.sql(t), int(acknowledged.Load())
	t.Logf("%d events acknowledged; the engine was gone %s after its parent at the latest", want, slowest.Round(time.Millisecond))
	settles(t, conn, want, "SELECT count() FROM events")
	once(t, conn)
	engine := n.access(t).EnginePID
	n.stop()
	if runs(engine) {
		t.Error("the engine lives on after the stop")
	}
}

// TestRestartAtOnceAfterAKill starts again without waiting for the engine of the
// killed process to be gone.
func TestRestartAtOnceAfterAKill(t *testing.T) {
	t.Parallel()
	n := install(t)
	n.serve(t)
	v := n.consenting(t)
	view(t, v, "/one")
	first := n.access(t).EnginePID
	n.kill()
	n.serve(t)
	view(t, v, "/two")
	conn := n.sql(t)
	settles(t, conn, 2, "SELECT count() FROM events")
	once(t, conn)
	if runs(first) {
		t.Error("the engine of the killed process lives on")
	}
	n.stop()
}

// TestKillOfTheEngine kills ClickHouse under load: the parent starts it again
// and goes on.
func TestKillOfTheEngine(t *testing.T) {
	t.Parallel()
	n := install(t)
	n.serve(t)
	acknowledged, end := n.traffic(t)
	for range 2 {
		more(t, acknowledged, 300)
		engine := n.access(t).EnginePID
		if err := syscall.Kill(engine, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
		eventually(t, deadline, "the engine to come back", func() bool {
			now := n.access(t).EnginePID
			status, _ := get(t, n.url()+"/readyz")
			return now != engine && runs(now) && status == http.StatusOK
		})
	}
	more(t, acknowledged, 100)
	end()
	conn, want := n.sql(t), int(acknowledged.Load())
	t.Logf("%d events acknowledged", want)
	settles(t, conn, want, "SELECT count() FROM events")
	settles(t, conn, want, "SELECT sum(n) FROM outcomes WHERE outcome = 'stored'")
	once(t, conn)
	n.stop()
	if left, err := filepath.Glob(filepath.Join(n.data, "run", "engine.json")); err != nil || len(left) > 0 {
		t.Errorf("after the stop there is still %v (%v)", left, err)
	}
}
