package writer

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"kelisim/pipeline/spool"
)

// TestADoubtWithNothingInIt: where nothing of a run that may have been flushed can
// be read any more, what follows is a run of its own. Under the place of the other
// one stand counts that are not its own.
func TestADoubtWithNothingInIt(t *testing.T) {
	o := spool.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	open := func() *spool.Spool {
		s, err := spool.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	add := func(s *spool.Spool, text string) {
		if err := s.Append(t.Context(), spool.Entry{Kind: spool.Events, Payload: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	s := open()
	add(s, "flushed")
	doubt := s.End()
	if err := s.Intend(doubt); err != nil {
		t.Fatal(err)
	}
	add(s, "follows")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.Dir, "0000000000000001.seg")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte("flushed"), []byte("damaged"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open()
	w := &Writer{o: Options{Spool: s, FlushBytes: 1 << 20}, doubt: s.Intended()}
	at := s.Checkpoint()
	frames, next, err := w.gather(t.Context(), at, true)
	if err != nil || len(frames) > 0 || next.Before(doubt) {
		t.Fatalf("%d frames from %v to %v (%v), the doubt ends at %v", len(frames), at, next, err, doubt)
	}
	if frames, _, err = w.gather(t.Context(), next, true); err != nil || len(frames) != 1 || string(frames[0].Payload()) != "follows" {
		t.Fatalf("%v (%v)", frames, err)
	}
}
