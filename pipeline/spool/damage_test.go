package spool_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/pipeline/spool"
)

// TestDamageCostsItselfAlone harms a segment in every way at random places:
// every frame whose bytes are whole is read, none is made up, and what was found
// is said.
func TestDamageCostsItselfAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func(b []byte) []byte{
		"flipped": func(b []byte) []byte {
			b[8+r.IntN(len(b)-8)] ^= 1 << r.IntN(8)
			return b
		},
		"zeroed": func(b []byte) []byte {
			at := 8 + r.IntN(len(b)-8)
			clear(b[at:min(at+1+r.IntN(40), len(b))])
			return b
		},
		"overwritten": func(b []byte) []byte {
			at := 8 + r.IntN(len(b)-8)
			for i := at; i < min(at+1+r.IntN(40), len(b)); i++ {
				b[i] = byte(r.Uint32())
			}
			return b
		},
		"cut out": func(b []byte) []byte {
			at := 8 + r.IntN(len(b)-8)
			return slices.Delete(b, at, min(at+1+r.IntN(40), len(b)))
		},
		"put in": func(b []byte) []byte {
			at := 8 + r.IntN(len(b)-8)
			return slices.Insert(b, at, bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(40))...)
		},
		"cut short": func(b []byte) []byte { return b[:8+r.IntN(len(b)-8)] },
	}
	for name, harm := range kinds {
		for range 30 {
			for _, last := range []bool{true, false} {
				harmOne(t, r, name, harm, last)
			}
		}
	}
}

func harmOne(t *testing.T, r *rand.Rand, name string, harm func([]byte) []byte, last bool) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, spool.Options{Dir: dir, SegmentBytes: 1 << (14 + 6*r.IntN(2))}) // written, or mapped
	var texts []string
	for i := range 20 {
		texts = append(texts, fmt.Sprintf("<%d %s>", i, strings.Repeat("x", r.IntN(60))))
	}
	add(t, s, texts...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	harmed := harm(bytes.Clone(b))
	if err := os.WriteFile(segments[0], harmed, 0o600); err != nil {
		t.Fatal(err)
	}
	if !last { // another segment follows the harmed one
		s = open(t, spool.Options{Dir: dir, SegmentBytes: 4096})
		add(t, s, "later")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(segments[0], harmed, 0o600); err != nil { // the start has cut its tail
			t.Fatal(err)
		}
		texts = append(texts, "later")
	}
	var said bytes.Buffer
	s, err = spool.Open(spool.Options{Dir: dir, SegmentBytes: 4096, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer s.Close()
	add(t, s, "after")
	got, _ := rest(t, s, s.Checkpoint())
	for i, text := range append(texts, "after") {
		whole := text == "after" || text == "later" || bytes.Contains(harmed, frame(b, i, text))
		if whole != slices.Contains(got, text) {
			t.Fatalf("%s, last %v: frame %q whole %v, read %v", name, last, text, whole, !whole)
		}
	}
	for _, text := range got {
		if !slices.Contains(texts, text) && text != "after" {
			t.Fatalf("%s: a frame was made up: %q", name, text)
		}
	}
	if lost := len(texts) + 1 - len(got); lost > 0 && (s.Stats().Damaged == 0 && len(harmed) == len(b) || said.Len() == 0 && len(harmed) >= len(b)) {
		t.Fatalf("%s, last %v: %d frames are gone and nothing was said: %s", name, last, lost, &said)
	}
}

// frame is the bytes of a frame as they stood in the file.
func frame(b []byte, _ int, text string) []byte {
	at := bytes.Index(b, []byte(text))
	if at < 9 {
		return []byte(text)
	}
	return b[at-9 : at+len(text)]
}

func TestDecisionsAreOnDiskBeforeTheAnswer(t *testing.T) {
	s := open(t, spool.Options{Dir: t.TempDir(), SyncEvery: 1 << 40})
	add(t, s, "an event")
	if n := s.Stats().Syncs; n != 0 {
		t.Errorf("%d syncs after an event, it is put on disk at the interval", n)
	}
	for i, k := range []spool.Kind{spool.Decision, spool.Erasure, spool.Counts} {
		if err := s.Append(t.Context(), spool.Entry{Kind: k, Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if n := s.Stats().Syncs; n != uint64(i+1) {
			t.Errorf("%d syncs after %d entries that must last", n, i+1)
		}
	}
	always := open(t, spool.Options{Dir: t.TempDir(), SyncEvery: -1})
	add(t, always, "an event")
	if n := always.Stats().Syncs; n != 1 {
		t.Errorf("%d syncs, an event was to be on disk before the answer", n)
	}
}

// TestWhatComesBackFromAsideIsOnDisk: its file was, and is deleted.
func TestWhatComesBackFromAsideIsOnDisk(t *testing.T) {
	s := open(t, spool.Options{Dir: t.TempDir(), SyncEvery: 1 << 40})
	add(t, s, "an event")
	frames, _, err := s.Read(t.Context(), s.Checkpoint(), 1<<20)
	if err != nil || len(frames) != 1 {
		t.Fatal(len(frames), err)
	}
	if err := s.Park(frames[0], frames[0].Payload()); err != nil {
		t.Fatal(err)
	}
	all, err := s.Parked()
	if err != nil || len(all) != 1 {
		t.Fatal(len(all), err)
	}
	if err := s.Unpark(t.Context(), all[0]); err != nil {
		t.Fatal(err)
	}
	if n := s.Stats().Syncs; n != 1 {
		t.Errorf("%d syncs, and the file is deleted", n)
	}
	texts, _ := rest(t, s, s.Checkpoint())
	equal(t, texts, "an event", "an event")
}

func TestARunIsReadAgainWithItsBounds(t *testing.T) {
	dir := t.TempDir()
	s := open(t, spool.Options{Dir: dir, SegmentBytes: 64})
	add(t, s, "one", "two", "three", "four", "five", "six", "seven")
	frames, _, err := s.Read(t.Context(), s.Checkpoint(), 10)
	if err != nil || len(frames) == 0 || len(frames) == 7 {
		t.Fatal(len(frames), err)
	}
	next := frames[len(frames)-1].At()
	next.Offset += int64(len(frames[len(frames)-1].Payload())) + 9
	if err := s.Intend(next); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, spool.Options{Dir: dir})
	add(t, s, "eight")
	if s.Intended() != next {
		t.Fatalf("the run ended at %v, it is remembered as %v", next, s.Intended())
	}
	again, end, err := s.ReadTo(s.Checkpoint(), s.Intended(), 1<<20)
	if err != nil || len(again) != len(frames) || end != next {
		t.Fatalf("%d frames to %v, want %d to %v (%v)", len(again), end, len(frames), next, err)
	}
	if err := s.Advance(end); err != nil || s.Intended() != end {
		t.Fatal(err, s.Intended())
	}
}

// TestADoubtLasts: a run that is flushed again in smaller pieces stays in doubt to
// its end, also after another crash.
func TestADoubtLasts(t *testing.T) {
	o := spool.Options{Dir: t.TempDir()}
	s := open(t, o)
	add(t, s, "one", "two", "three")
	end := s.End()
	frames, _, err := s.Read(t.Context(), s.Checkpoint(), 1<<20)
	if err != nil || len(frames) != 3 {
		t.Fatal(len(frames), err)
	}
	if err := s.Intend(end); err != nil {
		t.Fatal(err)
	}
	for _, f := range frames[1:] {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, o)
		if err := s.Intend(f.At()); err != nil {
			t.Fatal(err)
		}
		if err := s.Advance(f.At()); err != nil {
			t.Fatal(err)
		}
		if s.Checkpoint() != f.At() || s.Intended() != end {
			t.Errorf("at %v the doubt ends at %v, want %v", s.Checkpoint(), s.Intended(), end)
		}
	}
}

func TestAgeOfWhatWaits(t *testing.T) {
	s := open(t, spool.Options{Dir: t.TempDir()})
	if !s.Stats().Oldest.IsZero() {
		t.Error("an empty spool has something that waits")
	}
	add(t, s, "one")
	for s.Stats().Oldest.IsZero() {
		time.Sleep(time.Millisecond)
		if t.Context().Err() != nil {
			t.Fatal("what waits has no age")
		}
	}
	if err := s.Advance(s.End()); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); !st.Oldest.IsZero() || st.Backlog != 0 {
		t.Errorf("nothing waits, and yet %+v", st)
	}
}
