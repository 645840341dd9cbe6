package revocation_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/storage/revocation"
	"kelisim/storage/storagetest"
)

// open reads the local copy of a folder; said is what it logs.
func open(t testing.TB, dir string) (l *revocation.Local, said *bytes.Buffer) {
	t.Helper()
	said = new(bytes.Buffer)
	l, err := revocation.Open(revocation.LocalOptions{Dir: dir, Logger: slog.New(slog.NewTextHandler(said, nil)), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return l, said
}

// restarted is a feed on what the folder holds.
func restarted(t *testing.T, dir string) (*revocation.Local, *revocation.Feed) {
	t.Helper()
	l, said := open(t, dir)
	if said.Len() > 0 {
		t.Errorf("it says: %s", said)
	}
	f := revocation.New(storagetest.Open(t, nil).Writer(), l.Set(), time.Now)
	f.Resume(l.Cursor())
	return l, f
}

func save(t testing.TB, l *revocation.Local, f *revocation.Feed) {
	t.Helper()
	if err := l.Save(f); err != nil {
		t.Fatal(err)
	}
}

// TestLocal: after a restart a node knows what it knew before, without the
// database; with it, it learns what was written meanwhile and reads the rest not
// again.
func TestLocal(t *testing.T) {
	storagetest.DB(t)
	dir, now := t.TempDir(), time.Now()
	first, feed := restarted(t, dir)
	if first.Set().Len() != 0 {
		t.Error("an empty folder knows something")
	}
	end := now.AddDate(1, 0, 0)
	written, own, narrowed, changed := consent.ID{1}, consent.ID{2}, consent.ID{3}, consent.ID{4}
	revoke(t, written, consent.NothingValid, end, now.Add(-10*time.Minute))
	revoke(t, narrowed, 3, end, now)
	poll(t, feed)
	first.Set().Add(consent.Revocation{ID: own, Lowest: consent.NothingValid, Expires: end})
	first.Set().Add(consent.Revocation{ID: changed, Lowest: 2, Spares: true, Expires: end})
	save(t, first, feed)

	second, feed := restarted(t, dir)
	knows := func(set *consent.Revocations) {
		t.Helper()
		for _, c := range []struct {
			id     consent.ID
			number uint32
			want   consent.Standing
		}{
			{written, 1, consent.WithdrawnWhole}, {own, 7, consent.WithdrawnWhole}, {narrowed, 2, consent.Narrowed},
			{narrowed, 3, consent.Stands}, {changed, 1, consent.Changed}, {changed, 2, consent.Stands}, {consent.ID{5}, 1, consent.Stands},
		} {
			if got := set.Standing(c.id, c.number); got != c.want {
				t.Errorf("consent %d, decision %d: standing %d, want %d", c.id[0], c.number, got, c.want)
			}
		}
	}
	knows(second.Set())
	if feed.Cursor() != first.Cursor() && feed.Cursor().Since.IsZero() {
		t.Error("the cursor was lost")
	}
	// What was written meanwhile, and what became visible late, arrives; a row that
	// the cursor has passed is not read again.
	later, late, passed := consent.ID{6}, consent.ID{7}, consent.ID{8}
	revoke(t, later, consent.NothingValid, end, time.Now())
	revoke(t, late, consent.NothingValid, end, now.Add(-time.Minute))
	revoke(t, passed, consent.NothingValid, end, now.Add(-time.Hour))
	poll(t, feed)
	knows(second.Set())
	if s := second.Set(); !s.Covers(later, 1) || !s.Covers(late, 1) || s.Covers(passed, 1) {
		t.Errorf("known: a later row %v, a late one %v, one before the cursor %v", s.Covers(later, 1), s.Covers(late, 1), s.Covers(passed, 1))
	}
	save(t, second, feed)
	third, _ := restarted(t, dir)
	knows(third.Set())
	if !third.Set().Covers(later, 1) {
		t.Error("what the second start learnt is lost")
	}
}

// TestAnotherTable: a cursor says nothing of a table that was made anew, or of
// one that was read a day ago.
func TestAnotherTable(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	old := consent.ID{1}
	t.Run("first", func(t *testing.T) {
		storagetest.DB(t)
		revoke(t, consent.ID{2}, consent.NothingValid, now.AddDate(1, 0, 0), now)
		l, feed := restarted(t, dir)
		poll(t, feed)
		save(t, l, feed)
	})
	t.Run("second", func(t *testing.T) {
		storagetest.DB(t)
		revoke(t, old, consent.NothingValid, now.AddDate(1, 0, 0), now.Add(-time.Hour))
		l, feed := restarted(t, dir)
		poll(t, feed)
		if !l.Set().Covers(old, 1) || !l.Set().Covers(consent.ID{2}, 1) {
			t.Error("the feed went on in another table as if it were the same")
		}
		missed := consent.ID{3}
		revoke(t, missed, consent.NothingValid, now.AddDate(1, 0, 0), now.Add(-time.Hour))
		c := feed.Cursor()
		c.Whole = c.Whole.Add(-25 * time.Hour)
		feed.Resume(c)
		poll(t, feed)
		if !l.Set().Covers(missed, 1) {
			t.Error("a row that the cursor had missed is not found a day later")
		}
	})
}

// TestClockPutBack: rows that a database writes after its clock was put back are
// found.
func TestClockPutBack(t *testing.T) {
	db := storagetest.DB(t)
	set, now := consent.NewRevocations(), time.Now()
	f := revocation.New(db.Writer(), set, time.Now)
	revoke(t, consent.ID{1}, consent.NothingValid, now.AddDate(1, 0, 0), now.Add(3*time.Hour))
	poll(t, f)
	revoke(t, consent.ID{2}, consent.NothingValid, now.AddDate(1, 0, 0), now)
	poll(t, f)
	if !set.Covers(consent.ID{1}, 1) || !set.Covers(consent.ID{2}, 1) {
		t.Error("a row is lost behind a moment that has not come yet")
	}
}

// TestDamagedCopy: a file that is torn, damaged, foreign or of another format is
// named in one line and not believed; the feed then reads everything.
func TestDamagedCopy(t *testing.T) {
	storagetest.DB(t)
	now, id := time.Now(), consent.ID{1}
	revoke(t, id, consent.NothingValid, now.AddDate(1, 0, 0), now.Add(-time.Hour))
	whole := t.TempDir()
	l, feed := restarted(t, whole)
	poll(t, feed)
	save(t, l, feed)
	good, err := os.ReadFile(filepath.Join(whole, "withdrawn"))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 4
		return b
	}
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"nothing in it": {nil, "no copy"}, "foreign": {[]byte(strings.Repeat("a foreign file ", 20)), "no copy"},
		"torn": {good[:len(good)-40], "damaged"}, "cut by one": {good[:len(good)-1], "damaged"}, "longer": {append(bytes.Clone(good), 0), "damaged"},
		"another format": {flip(8), "another format"}, "a bit of the cursor": {flip(30), "damaged"}, "a bit of the set": {flip(len(good) / 2), "damaged"},
		"a bit of the checksum": {flip(len(good) - 1), "damaged"}, "zeros": {make([]byte, len(good)), "no copy"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "withdrawn")
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		l, said := open(t, dir)
		if strings.Count(said.String(), "\n") != 1 || !strings.Contains(said.String(), c.says) || !strings.Contains(said.String(), path) {
			t.Errorf("%s: it says %q, want one line with %q", name, said, c.says)
		}
		if l.Set().Len() != 0 || l.Cursor() != (revocation.Cursor{}) {
			t.Errorf("%s: it was believed", name)
		}
		f := revocation.New(storagetest.Open(t, nil).Writer(), l.Set(), time.Now)
		f.Resume(l.Cursor())
		poll(t, f)
		if !l.Set().Covers(id, 1) {
			t.Errorf("%s: the withdrawal is not read from the database", name)
		}
		save(t, l, f)
		if l, _ := restarted(t, dir); !l.Set().Covers(id, 1) {
			t.Errorf("%s: the file was not replaced", name)
		}
	}
}

// TestLocalIsWritten: while a node runs, the file follows the set, and an
// unchanged set writes nothing.
func TestLocalIsWritten(t *testing.T) {
	dir := t.TempDir()
	l, said := open(t, dir)
	feed := revocation.New(nowhere(t), l.Set(), time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.Run(ctx, feed)
	}()
	for i := range 2 {
		id := consent.ID{byte(i + 1)}
		l.Set().Add(consent.Revocation{ID: id, Lowest: consent.NothingValid, Expires: time.Now().AddDate(1, 0, 0)})
		for end := time.Now().Add(20 * time.Second); ; <-time.After(50 * time.Millisecond) {
			if again, _ := open(t, dir); again.Set().Covers(id, 1) {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the file does not follow the set")
			}
		}
	}
	cancel()
	<-ended
	if said.Len() > 0 {
		t.Errorf("it says: %s", said)
	}
	path := filepath.Join(dir, "withdrawn")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	save(t, l, feed)
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("an unchanged set was written again: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".new", 0o700); err != nil { // no file can be written there
		t.Fatal(err)
	}
	l.Set().Add(consent.Revocation{ID: consent.ID{9}, Lowest: consent.NothingValid, Expires: time.Now().AddDate(1, 0, 0)})
	if err := l.Save(feed); err == nil {
		t.Error("a file that could not be written is said to be saved")
	}
	if err := os.Remove(path + ".new"); err != nil {
		t.Fatal(err)
	}
	save(t, l, feed)
	if again, _ := open(t, dir); again.Set().Len() != 3 {
		t.Errorf("after a failure %d entries are saved, want 3", again.Set().Len())
	}
}

// many is how many withdrawals a node must bear.
const many = 10_000_000

// TestTenMillion measures the load of ten million withdrawals from the file.
func TestTenMillion(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "withdrawn"), manyWithdrawn(), 0o600); err != nil {
		t.Fatal(err)
	}
	before := heap()
	began := time.Now()
	l, said := open(t, dir)
	loaded := time.Since(began)
	size := heap() - before
	if l.Set().Len() != many || said.Len() > 0 {
		t.Fatalf("%d entries came back, want %d; it says %s", l.Set().Len(), many, said)
	}
	added := consent.ID{15: 1}
	l.Set().Add(consent.Revocation{ID: added, Lowest: consent.NothingValid, Expires: time.Now().AddDate(1, 0, 0)})
	began = time.Now()
	save(t, l, revocation.New(nowhere(t), l.Set(), time.Now))
	saved := time.Since(began)
	t.Logf("%d withdrawals: loaded in %s into %.1f MB, saved in %s", many, loaded.Round(time.Millisecond), float64(size)/1e6, saved.Round(time.Millisecond))
	if size > 100e6 {
		t.Errorf("%d withdrawals take %d bytes, want at most 100 MB", many, size)
	}
	if loaded > 30*time.Second { // 2 s are wanted; a detector of races makes it slower
		t.Errorf("loading took %s", loaded)
	}
	if l, _ := open(t, dir); l.Set().Len() != many+1 || !l.Set().Covers(added, 1) {
		t.Error("what was saved does not come back")
	}
}

// manyWithdrawn is a file of ten million withdrawals, as Local documents it.
func manyWithdrawn() []byte {
	b := binary.LittleEndian.AppendUint32([]byte("kelisimR"), 1)
	b = append(b, make([]byte, 16+8+8)...)
	r := rand.New(rand.NewPCG(1, 2))
	for first := range uint64(256) {
		count := many/256 + many%256*(first/255)
		b = binary.LittleEndian.AppendUint32(b, uint32(count))
		gap, key := uint64(1)<<56/count, first<<56
		for range count {
			key += 1 + r.Uint64N(2*gap-gap/32)
			b = binary.LittleEndian.AppendUint64(b, key)
		}
		b = append(b, bytes.Repeat([]byte{200}, int(count))...)
	}
	b = append(b, make([]byte, 4)...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// heap is what lives after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkFirstPoll reads ten million rows from the database: the start of a
// node whose local copy is lost.
func BenchmarkFirstPoll(b *testing.B) {
	db := storagetest.DB(b)
	err := storagetest.Admin(b).Exec(b.Context(), fmt.Sprintf(`
		INSERT INTO revocations (site, consent_id, number, lowest, time, node, node_seq, expires_at, recorded_at)
		SELECT 'shop', generateUUIDv4(number), 2, 4294967295, now64(3), 'other', number,
			toStartOfMonth(now()) + INTERVAL 2 + number %% 12 MONTH, now64(3) - number / 1000
		FROM numbers(%d) SETTINGS max_partitions_per_insert_block = 0, max_block_size = 65536, max_insert_block_size = 65536, min_insert_block_size_rows = 65536, max_insert_threads = 1, max_execution_time = 0, max_memory_usage = 0`, many))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		before := heap()
		set := consent.NewRevocations()
		feed := revocation.New(db.Writer(), set, time.Now)
		stop, most := make(chan struct{}), make(chan uint64)
		go func() {
			var m runtime.MemStats
			var max uint64
			for {
				select {
				case <-stop:
					most <- max
					return
				case <-time.After(20 * time.Millisecond):
				}
				if runtime.ReadMemStats(&m); m.HeapAlloc > max {
					max = m.HeapAlloc
				}
			}
		}()
		if err := feed.Poll(b.Context()); err != nil {
			b.Fatal(err)
		}
		close(stop)
		b.ReportMetric(float64(<-most-before)/1e6, "MB-peak")
		b.ReportMetric(float64(heap()-before)/1e6, "MB-after")
		b.ReportMetric(float64(set.Len()), "rows")
		began := time.Now()
		if err := feed.Poll(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms-next-poll")
		runtime.KeepAlive(set)
	}
}

// TestAWrongClockForgetsNothing: a node that starts with its clock years ahead
// still knows its withdrawals when the clock is right again.
func TestAWrongClockForgetsNothing(t *testing.T) {
	dir := t.TempDir()
	l, feed := restarted(t, dir)
	id := consent.ID{7: 1, 15: 9}
	l.Set().Add(consent.Revocation{Site: "shop", ID: id, Lowest: consent.NothingValid, Expires: time.Now().AddDate(1, 0, 0)})
	save(t, l, feed)
	ahead := func() time.Time { return time.Now().AddDate(10, 0, 0) }
	again, err := revocation.Open(revocation.LocalOptions{Dir: dir, Logger: slog.New(slog.DiscardHandler), Now: ahead})
	if err != nil {
		t.Fatal(err)
	}
	polled := revocation.New(storagetest.DB(t).Writer(), again.Set(), ahead)
	polled.Resume(again.Cursor())
	if err := polled.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !again.Set().Covers(id, 1) {
		t.Error("the withdrawal is forgotten")
	}
}
