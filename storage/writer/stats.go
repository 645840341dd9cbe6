package writer

import (
	"errors"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Stats are the figures of a writer since its start.
type Stats struct {
	Flushes      uint64
	Bytes        uint64 // of the frames that were flushed
	FlushSeconds float64
	LastSeconds  float64           // of the last flush
	LastFlush    time.Time         // when the last run stood in the database; zero = none yet
	Rows         map[string]uint64 // inserted, by table
	Inserts      map[string]uint64 // sent, by table
	Retries      uint64            // of runs that failed for a passing reason
	Refused      uint64            // of these, by the server for the values of rows
	Errors       map[string]uint64 // by the code of the server's error, "rows" where some were put aside, or "connection"
	ReadBacks    uint64            // consents that were read back
	Found        uint64            // events that a flush in doubt found there already
	Parked       uint64            // frames that nobody can write and that are kept aside
	Ended        map[Ended]uint64  // events, by what became of them in the end
}

// Ended is one thing that became of events of a site.
type Ended struct{ Site, Outcome, Detail string }

// figures are the Stats as they grow.
type figures struct {
	mu sync.Mutex
	s  Stats
}

func newFigures() *figures {
	return &figures{s: Stats{Rows: map[string]uint64{}, Inserts: map[string]uint64{}, Errors: map[string]uint64{}, Ended: map[Ended]uint64{}}}
}

func (f *figures) change(by func(*Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by(&f.s)
}

// inserted counts an insert.
func (f *figures) inserted(table string, rows int) {
	f.change(func(s *Stats) {
		s.Rows[table] += uint64(rows)
		s.Inserts[table]++
	})
}

// flushed counts a run that stands.
func (f *figures) flushed(r *run, now time.Time, took time.Duration) {
	f.change(func(s *Stats) {
		s.Flushes++
		s.Bytes += r.bytes
		s.FlushSeconds += took.Seconds()
		s.LastSeconds, s.LastFlush = took.Seconds(), now
		for k, n := range r.ended {
			s.Ended[Ended{k.site, k.outcome, k.detail}] += n
		}
	})
}

// failed counts a try that did not get through.
func (f *figures) failed(err error) {
	name := "connection"
	var server *clickhouse.Exception
	if errors.As(err, &server) {
		name = strconv.Itoa(int(server.Code))
	} else if errors.Is(err, errSifted) {
		name = "rows"
	}
	f.change(func(s *Stats) {
		s.Retries++
		s.Errors[name]++
		if errors.Is(err, errSifted) {
			s.Refused++
		}
	})
}

func (f *figures) readBack(n int) { f.change(func(s *Stats) { s.ReadBacks += uint64(n) }) }

func (f *figures) found(n uint64) { f.change(func(s *Stats) { s.Found += n }) }

// Stats are the figures of now.
func (w *Writer) Stats() Stats {
	w.stats.mu.Lock()
	defer w.stats.mu.Unlock()
	out := w.stats.s
	out.Rows, out.Inserts, out.Errors, out.Ended = maps.Clone(out.Rows), maps.Clone(out.Inserts), maps.Clone(out.Errors), maps.Clone(out.Ended)
	return out
}
