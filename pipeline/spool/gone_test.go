package spool_test

import (
	"os"
	"path/filepath"
	"testing"

	"kelisim/pipeline/spool"
)

// flushedUnsaved makes a spool of which a run was flushed and its segment deleted,
// and of which the process then ended before it saved the checkpoint.
func flushedUnsaved(t *testing.T, o spool.Options, then ...string) (checkpoint, end spool.Position) {
	t.Helper()
	s := open(t, o)
	add(t, s, "first")
	if err := s.Advance(s.End()); err != nil {
		t.Fatal(err)
	}
	add(t, s, "second")
	checkpoint, end = s.Checkpoint(), s.End()
	if err := s.Intend(end); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.Dir, "checkpoint")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(end); err != nil {
		t.Fatal(err)
	}
	add(t, s, then...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	return checkpoint, end
}

// TestPlacesAreUsedOnce: what follows a run begins at another place than it, and
// lies at other places, also when the run was deleted and that was not saved.
func TestPlacesAreUsedOnce(t *testing.T) {
	o := spool.Options{Dir: t.TempDir()}
	checkpoint, end := flushedUnsaved(t, o)
	s := open(t, o)
	if at := s.Checkpoint(); at == checkpoint || at.Before(end) {
		t.Errorf("the next run begins at %v; one from %v to %v was flushed", at, checkpoint, end)
	}
	add(t, s, "third")
	frames, _, err := s.Read(t.Context(), s.Checkpoint(), 1<<20)
	if err != nil || len(frames) != 1 || frames[0].At().Before(end) {
		t.Fatalf("%d frames %v (%v), the run before ended at %v", len(frames), frames, err, end)
	}
}

// TestARunThatIsGone: what was appended behind a run that is deleted is read.
func TestARunThatIsGone(t *testing.T) {
	o := spool.Options{Dir: t.TempDir()}
	flushedUnsaved(t, o, "third")
	s := open(t, o)
	at := s.Checkpoint()
	if at.Before(s.Intended()) {
		frames, next, err := s.ReadTo(at, s.Intended(), 1<<20)
		if err != nil || len(frames) > 0 {
			t.Fatalf("%d frames of a run that is gone (%v)", len(frames), err)
		}
		at = next
	}
	texts, _ := rest(t, s, at)
	equal(t, texts, "third")
}

// TestARunThatIsGoneInPart: segments are deleted one after the other.
func TestARunThatIsGoneInPart(t *testing.T) {
	for gone := range 3 {
		o := spool.Options{Dir: t.TempDir(), SegmentBytes: 16}
		s := open(t, o)
		add(t, s, "zero")
		if err := s.Advance(s.End()); err != nil {
			t.Fatal(err)
		}
		add(t, s, "one", "two", "six")
		end := s.End()
		if err := s.Intend(end); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		segments, err := filepath.Glob(filepath.Join(o.Dir, "*.seg"))
		if err != nil || len(segments) != 3 {
			t.Fatal(segments, err)
		}
		if err := os.Remove(segments[gone]); err != nil {
			t.Fatal(err)
		}
		s = open(t, o)
		add(t, s, "after")
		frames, _, err := s.ReadTo(s.Checkpoint(), s.Intended(), 1<<20)
		if err != nil || len(frames) != 2 {
			t.Errorf("without segment %d: %d frames of the run (%v), want 2", gone, len(frames), err)
		}
		after, _, err := s.Read(t.Context(), s.Intended(), 1<<20)
		if err != nil || len(after) != 1 || after[0].At().Before(end) {
			t.Errorf("without segment %d: %v follows the run to %v (%v)", gone, after, end, err)
		}
	}
}

// TestACheckpointThatCannotBeSaved: the next one that can be says as much.
func TestACheckpointThatCannotBeSaved(t *testing.T) {
	o := spool.Options{Dir: t.TempDir()}
	s := open(t, o)
	add(t, s, "one")
	end := s.End()
	inTheWay := filepath.Join(o.Dir, "checkpoint.new")
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if s.Advance(end) == nil {
		t.Fatal("a checkpoint was saved where none can be")
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	add(t, s, "two")
	if err := s.Intend(s.End()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = open(t, o); s.Checkpoint() != end {
		t.Errorf("the next run begins at %v, what stands ends at %v", s.Checkpoint(), end)
	}
}

// TestRoomThatWasNotUsedIsNoDamage: a process that is killed can leave two segments
// behind whose room was not given back.
func TestRoomThatWasNotUsedIsNoDamage(t *testing.T) {
	o := spool.Options{Dir: t.TempDir()}
	for _, text := range []string{"one", "two"} {
		s := open(t, o)
		add(t, s, text)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	segments, err := filepath.Glob(filepath.Join(o.Dir, "*.seg"))
	if err != nil || len(segments) != 2 {
		t.Fatal(segments, err)
	}
	for _, name := range segments {
		if err := os.Truncate(name, 16<<20); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, o)
	texts, _ := rest(t, s, s.Checkpoint())
	equal(t, texts, "one", "two")
	if st := s.Stats(); st.Damaged > 0 || st.Bytes > 1000 {
		t.Errorf("%d bytes are damaged, %d in use", st.Damaged, st.Bytes)
	}
}
