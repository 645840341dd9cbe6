package journal_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"kelisim/pipeline/spool"
	"kelisim/storage/journal"
)

// stopping is a context that ends while somebody waits for the disk: it is first
// asked before anything is written.
type stopping struct {
	context.Context
	asked bool
}

func (s *stopping) Err() error {
	if !s.asked {
		s.asked = true
		return nil
	}
	return s.Context.Err()
}

// TestAStopCountsNothingTwice: counters whose flush is cut off by the end of the
// process were appended, and do not come again with the last flush.
func TestAStopCountsNothingTwice(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	s, err := spool.Open(spool.Options{Dir: t.TempDir(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	j, err := journal.New(s, logger)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	key := journal.CountKey{Site: "shop", Lang: "kk", Variant: "bar-1", Hour: time.Now()}
	const times = 20
	cut := 0
	for range times {
		j.Show(key)
		if j.Flush(&stopping{Context: ended}) != nil {
			cut++
		}
	}
	if err := j.Flush(t.Context()); err != nil || cut == 0 {
		t.Fatalf("%d of %d flushes were cut off (%v)", cut, times, err)
	}
	frames, _, err := s.Read(t.Context(), s.Checkpoint(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	total := uint64(0)
	for _, f := range frames {
		var all []journal.Count
		if err := json.Unmarshal(f.Payload(), &all); err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			total += c.N
		}
	}
	if total != times {
		t.Errorf("%d banners are counted, %d were shown", total, times)
	}
}
