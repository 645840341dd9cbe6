package spool_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kelisim/pipeline/spool"
)

// TestWithoutBallast: where no room can be kept on the disk, events are refused,
// decisions are taken, and the figures say so until there is room.
func TestWithoutBallast(t *testing.T) {
	dir := t.TempDir()
	if s := open(t, spool.Options{Dir: t.TempDir()}); !s.Stats().Ballast {
		t.Error("on a disk with room none is kept")
	}
	inTheWay := filepath.Join(dir, "ballast")
	if err := os.Mkdir(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, spool.Options{Dir: dir})
	if s.Stats().Ballast {
		t.Error("room is kept where none can be")
	}
	err := s.Append(t.Context(), spool.Entry{Kind: spool.Events, Payload: []byte("event")})
	if !errors.Is(err, spool.ErrFull) {
		t.Errorf("an event: %v", err)
	}
	if err := s.Append(t.Context(), spool.Entry{Kind: spool.Decision, Payload: []byte("decision")}); err != nil {
		t.Errorf("a decision: %v", err)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); !s.Stats().Ballast; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("room is never kept again")
		}
	}
	add(t, s, "event")
}
