package spool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"kelisim/pipeline/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, o spool.Options) *spool.Spool {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := spool.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// rest reads everything that is on disk behind a position.
func rest(t *testing.T, s *spool.Spool, at spool.Position) (texts []string, end spool.Position) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for {
		frames, next, err := s.Read(ended, at, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(frames) == 0 {
			return texts, next
		}
		for _, f := range frames {
			texts = append(texts, string(f.Payload()))
		}
		at = next
	}
}

func add(t *testing.T, s *spool.Spool, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := s.Append(t.Context(), spool.Entry{Kind: spool.Events, Payload: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestReadsBackAfterRestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, spool.Options{Dir: dir, SegmentBytes: 64})
	add(t, s, "one", "two", "three", "four", "five")
	texts, _ := rest(t, s, s.Checkpoint())
	equal(t, texts, "one", "two", "three", "four", "five")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, spool.Options{Dir: dir})
	texts, _ = rest(t, again, again.Checkpoint())
	equal(t, texts, "one", "two", "three", "four", "five")
}

func TestAdvanceDeletesWhatWasFlushed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, spool.Options{Dir: dir, SegmentBytes: 32})
	add(t, s, "one", "two", "three")
	_, end := rest(t, s, s.Checkpoint())
	if err := s.Advance(end); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(left) != 0 {
		t.Fatalf("flushed segments are still there: %v %v", left, err)
	}
	if s.Backlog() != 0 {
		t.Errorf("backlog %d after everything was flushed", s.Backlog())
	}
	add(t, s, "four")
	texts, next := rest(t, s, end)
	equal(t, texts, "four")
	if !end.Before(next) {
		t.Error("the position did not grow")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, spool.Options{Dir: dir})
	texts, _ = rest(t, again, again.Checkpoint())
	equal(t, texts, "four")
}

func TestTornTailNeverCostsANeighbour(t *testing.T) {
	for cut := 1; cut < 14; cut++ {
		dir := t.TempDir()
		s := open(t, spool.Options{Dir: dir})
		add(t, s, "one", "two")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
		if err != nil || len(segments) != 1 {
			t.Fatal(segments, err)
		}
		info, err := os.Stat(segments[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(segments[0], info.Size()-int64(cut)); err != nil {
			t.Fatal(err)
		}
		again := open(t, spool.Options{Dir: dir})
		want := []string{"one", "three"}
		if cut >= 13 { // the second frame is 12 bytes; one more and the first is torn as well
			want = []string{"three"}
		}
		add(t, again, "three")
		texts, _ := rest(t, again, again.Checkpoint())
		equal(t, texts, want...)
	}
}

func TestFlippedBitLosesOneFrame(t *testing.T) {
	dir := t.TempDir()
	s := open(t, spool.Options{Dir: dir})
	add(t, s, "the first", "the second", "the third")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	segments, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b, []byte("the second"))
	b[i] ^= 4
	if err := os.WriteFile(segments[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, spool.Options{Dir: dir})
	texts, _ := rest(t, again, again.Checkpoint())
	equal(t, texts, "the first", "the third")
}

func TestForeignAndDamagedFilesAreSurvived(t *testing.T) {
	dir := t.TempDir()
	s := open(t, spool.Options{Dir: dir})
	add(t, s, "one")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"ffffffffffff0000.seg": "not a segment at all", "nonsense.seg": "x", "checkpoint": "short", "readme.txt": "hello",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, spool.Options{Dir: dir})
	add(t, again, "two")
	texts, _ := rest(t, again, again.Checkpoint())
	equal(t, texts, "one", "two")
}

func TestFullIsSaidAndNothingIsLost(t *testing.T) {
	s := open(t, spool.Options{Dir: t.TempDir(), MaxBytes: 100})
	var kept []string
	for i := range 50 {
		text := fmt.Sprintf("frame %d", i)
		err := s.Append(t.Context(), spool.Entry{Kind: spool.Events, Payload: []byte(text)})
		if errors.Is(err, spool.ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, text)
	}
	if len(kept) == 0 || len(kept) == 50 {
		t.Fatalf("%d frames fitted", len(kept))
	}
	texts, end := rest(t, s, s.Checkpoint())
	equal(t, texts, kept...)
	if err := s.Advance(end); err != nil {
		t.Fatal(err)
	}
	add(t, s, "there is room again")
}

func TestManyAppendersOneReader(t *testing.T) {
	s := open(t, spool.Options{Dir: t.TempDir(), SegmentBytes: 4096})
	const appenders, each = 16, 100
	var wg sync.WaitGroup
	for a := range appenders {
		wg.Go(func() {
			for i := range each {
				if err := s.Append(context.Background(), spool.Entry{Kind: spool.Events, Payload: fmt.Appendf(nil, "%d/%d", a, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen, last := map[string]bool{}, map[int]int{}
	at := s.Checkpoint()
	for len(seen) < appenders*each {
		frames, next, err := s.Read(t.Context(), at, 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			var a, i int
			if _, err := fmt.Sscanf(string(f.Payload()), "%d/%d", &a, &i); err != nil || seen[string(f.Payload())] || i < last[a] {
				t.Fatalf("frame %q: twice or out of order (%v)", f.Payload(), err)
			}
			seen[string(f.Payload())], last[a] = true, i
		}
		if rand.IntN(3) == 0 {
			if err := s.Advance(next); err != nil {
				t.Fatal(err)
			}
		}
		at = next
	}
	wg.Wait()
}

func TestAppendAfterClose(t *testing.T) {
	s := open(t, spool.Options{Dir: t.TempDir()})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), spool.Entry{Kind: spool.Events}); !errors.Is(err, spool.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// FuzzSegment gives the reader any bytes for a segment: it must not fail, and
// what is appended afterwards must be found.
func FuzzSegment(f *testing.F) {
	f.Add([]byte("KSPOOL\x01\x00"))
	f.Add([]byte("KSPOOL\x01\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00one"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "0000000000000001.seg"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, spool.Options{Dir: dir})
		add(t, s, "after")
		texts, _ := rest(t, s, s.Checkpoint())
		if len(texts) == 0 || texts[len(texts)-1] != "after" {
			t.Fatalf("what was appended is not there: %q", texts)
		}
	})
}
