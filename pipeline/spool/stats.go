package spool

import "time"

// Stats are the figures of a spool.
type Stats struct {
	Bytes       int64     // of all segments on disk
	Backlog     int64     // of what waits behind the checkpoint
	Segments    int       // files in use
	Oldest      time.Time // about when the first frame that waits was appended; zero = none waits
	Appended    uint64    // bytes since the start
	Syncs       uint64
	SyncSeconds float64
	SyncErrors  uint64
	Full        uint64 // appends that found no room
	Ballast     bool   // room is kept on the disk for decisions; while it is not, events are refused
	Damaged     uint64 // bytes that were no intact frame and were skipped
}

// Stats are the figures of now.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Bytes, out.Backlog, out.Segments, out.Ballast = s.size, s.backlog(), len(s.sealed), s.ballast
	if s.active != nil {
		out.Segments++
	}
	if out.Backlog > 0 && len(s.marks) > 0 {
		out.Oldest = s.marks[0].at
	}
	return out
}

// mark says when a position was reached.
type mark struct {
	end Position
	at  time.Time
}

// markEvery is how exactly the age of what waits is known.
const markEvery = time.Second

// remember notes where the spool ends now.
func (s *Spool) remember() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opt.Now()
	if n := len(s.marks); n > 0 && (s.marks[n-1].end == s.written || now.Sub(s.marks[n-1].at) < markEvery) {
		return
	}
	if s.saved.Before(s.written) {
		s.marks = append(s.marks, mark{end: s.written, at: now})
	}
}

// forget drops the marks that the checkpoint has passed. mu is held.
func (s *Spool) forget(to Position) {
	n := 0
	for n < len(s.marks) && !to.Before(s.marks[n].end) {
		n++
	}
	s.marks = append(s.marks[:0], s.marks[n:]...)
}

// Backlog is how many bytes wait behind the checkpoint, headers not counted.
func (s *Spool) Backlog() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backlog()
}

func (s *Spool) backlog() int64 {
	var sum int64
	for seg, size := range s.sealed {
		if seg == s.saved.Segment {
			sum += max(size-s.saved.Offset, 0)
		} else if seg > s.saved.Segment {
			sum += size - headerBytes
		}
	}
	if s.active != nil {
		from := int64(headerBytes)
		if s.saved.Segment == s.written.Segment {
			from = s.saved.Offset
		}
		sum += max(s.written.Offset-from, 0)
	}
	return sum
}
