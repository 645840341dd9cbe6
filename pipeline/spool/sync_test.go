package spool

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAFailedSyncRefusesAllWhoWait: what was appended while the disk failed may be
// lost with the rest of its pages, and the next sync says nothing of it.
func TestAFailedSyncRefusesAllWhoWait(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	meanwhile := func() {}
	o := Options{Dir: dir, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time {
		meanwhile()
		return time.Now()
	}}
	s := &Spool{opt: o.withDefaults(), sync: make(chan struct{}, 1), sealed: map[uint64]int64{}, ballast: true}
	decide := func() <-chan error {
		wait, err := s.store(appendFrame(nil, Entry{Kind: Decision, Payload: []byte("x")}), true, true)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	first := decide()
	var second <-chan error
	meanwhile = func() {
		meanwhile = func() {}
		second = decide()
	}
	move(dir, dir+" away") // the folder cannot be put on disk
	s.flush()
	move(dir+" away", dir)
	s.flush()
	if <-first == nil || <-second == nil {
		t.Error("a decision is acknowledged that a failed sync may have lost")
	}
	third := decide()
	s.flush()
	if err := <-third; err != nil {
		t.Errorf("after the disk has recovered: %v", err)
	}
	s.seal()
	s.flush()
}
