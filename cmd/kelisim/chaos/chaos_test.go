// Package chaos_test crashes the real binary at every step between the
// acknowledgement and the database, under load, and counts afterwards: what was
// acknowledged stands once. The binary is built with the tag failpoints; each
// fault proves that it happened.
//
// Without more the chief faults happen once, with one or with five partitions of
// expiry in play. KELISIM_TEST_CHAOS_ROUNDS=20 (`make chaos`) does it so often.
package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kelisim/storage/embedded"
)

const (
	binaryVariable = "KELISIM_TEST_BINARY"
	roundsVariable = "KELISIM_TEST_CHAOS_ROUNDS"
	outageVariable = "KELISIM_TEST_CHAOS_OUTAGE"
)

func TestMain(m *testing.M) {
	if embedded.IsChild() {
		os.Exit(embedded.RunChild())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kelisim-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "kelisim")
	build := exec.Command("go", "build", "-tags", "failpoints", "-o", binary, "kelisim/cmd/kelisim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "chaos: build: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(binaryVariable, binary); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		return 1
	}
	return m.Run()
}

// rounds is how often each fault happens.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv(roundsVariable)); err == nil && n > 0 {
		return n
	}
	return 1
}

// partitions lists how many are in play: both in the long form, one of them in
// turn in the short one.
func partitions(turn int) []int {
	if long() {
		return []int{1, 5}
	}
	return [][]int{{1}, {5}}[turn%2]
}

// long reports whether the whole matrix runs.
func long() bool { return rounds() > 1 }

// TestKills kills the collector, the database, or both, at a point of the way.
func TestKills(t *testing.T) {
	t.Parallel()
	for i, fault := range []struct {
		what, point, action string
		dies                bool // the collector does
		replays             bool // the point lies in the flush after a crash
		short               bool // it happens in the short form too
	}{
		{"collector, writing", "spool-write", "kill", true, false, true},
		{"collector, written", "spool-written", "kill", true, false, false},
		{"collector, rotating", "spool-rotated", "kill", true, false, true},
		{"collector, before an insert", "insert-events", "kill", true, false, false},
		{"collector, after an insert", "inserted-events", "kill", true, false, true},
		{"collector, between events and counts", "insert-outcomes", "kill", true, false, true},
		{"collector, after the counts", "inserted-outcomes", "kill", true, false, false},
		{"collector, before the checkpoint", "writer-flushed", "kill", true, false, false},
		{"collector, between deletion and checkpoint", "spool-deleted", "kill", true, false, true},
		{"collector, before replaying", "writer-replay", "kill", true, true, false},
		{"collector, after replaying", "writer-replayed", "kill", true, true, true},
		{"ClickHouse, in an insert of events", "insert-events", "kill-engine", false, false, true},
		{"ClickHouse, in an insert of decisions", "insert-consents", "kill-engine", false, false, false},
		{"both, in an insert", "insert-events", "kill-both", true, false, true},
	} {
		if !fault.short && !long() {
			continue
		}
		for _, partitions := range partitions(i / 2) {
			t.Run(fmt.Sprintf("%s, %d partitions", fault.what, partitions), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, partitions)
				w.play()
				for range rounds() {
					if fault.replays { // the crash before it leaves something to replay
						w.arm("inserted-events", "kill", 1+rand.IntN(2))
						w.launch()
						w.waitHit()
						w.waitDeath()
					}
					at := 1
					switch {
					case strings.HasPrefix(fault.point, "spool-writ"):
						at = 1 + rand.IntN(200)
					case !fault.replays:
						at = 1 + rand.IntN(2)
					}
					w.arm(fault.point, fault.action, at)
					w.launch()
					w.waitHit()
					if fault.dies {
						w.waitDeath()
					} else {
						w.waitStored() // it goes on by itself
						w.stop()
					}
				}
				w.arm("", "", 0)
				w.launch()
				w.judge(fault.what)
			})
		}
	}
}

// TestStops asks the collector to end under load, again and again.
func TestStops(t *testing.T) {
	t.Parallel()
	for _, partitions := range partitions(0) {
		t.Run(fmt.Sprintf("%d partitions", partitions), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, partitions)
			w.play()
			for range rounds() {
				w.launch()
				w.waitMore(20)
				time.Sleep(rand.N(1500 * time.Millisecond)) // at any point of a flush
				w.stop()
				w.hits++
			}
			w.launch()
			w.judge("SIGTERM under load")
		})
	}
}

// TestFullDisk fills the disk of the spool.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, partitions := range partitions(1) {
		t.Run(fmt.Sprintf("%d partitions", partitions), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, partitions)
			spool := filepath.Join(w.data, "spool")
			if err := os.MkdirAll(spool, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", spool, "tmpfs", 0, "size=12m"); err != nil {
				if long() {
					t.Fatalf("a small disk cannot be mounted: %v: run as root", err)
				}
				t.Skip("a small disk can be mounted by root alone")
			}
			t.Cleanup(func() {
				w.kill()
				if err := syscall.Unmount(spool, 0); err != nil {
					t.Error(err)
				}
			})
			w.pace = time.Millisecond // a segment that has its room already is used up first
			w.play()
			w.launch()
			for range rounds() {
				w.waitMore(20)
				w.fillDisk(filepath.Join(spool, "somebody else's"))
			}
			w.judge("disk full")
		})
	}
}

// TestOutage takes ClickHouse away for ten minutes at two thousand events a
// second: what waits costs disk, not memory, and is stored once.
func TestOutage(t *testing.T) {
	if os.Getenv(outageVariable) == "" {
		t.Skip("ten minutes: " + outageVariable + "=10m, as make chaos sets it")
	}
	away, err := time.ParseDuration(os.Getenv(outageVariable))
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	const limit = 250 << 20
	w := newWorld(t, 1)
	l := behind(t, w)
	w.pace = 6 * time.Millisecond
	w.play()
	w.launch()
	w.waitStored()
	began, before := time.Now(), w.ledger.count()
	l.setDown(true)
	most := int64(0)
	for time.Since(began) < away {
		time.Sleep(time.Second)
		most = max(most, w.rss())
	}
	rate := float64(w.ledger.count()-before) / time.Since(began).Seconds()
	l.setDown(false)
	w.hits = rounds()
	t.Logf("away %s at %.0f events a second, at most %d MB resident", away, rate, most>>20)
	if most > limit {
		t.Errorf("%d MB resident, at most %d are allowed", most>>20, limit>>20)
	}
	w.judge("ClickHouse away for " + away.String())
}
