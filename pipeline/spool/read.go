package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Read returns the frames from a position on, until max bytes are reached or
// what was appended ends, and the position to go on from. It waits for the first
// frame until ctx ends; with a context that has ended it only looks.
func (s *Spool) Read(ctx context.Context, from Position, max int) (frames []Frame, next Position, err error) {
	for {
		s.mu.Lock()
		written := s.written
		s.mu.Unlock()
		if frames, next, err = s.read(from, written, max); err != nil || len(frames) > 0 {
			return frames, next, err
		}
		from = next
		if ctx.Err() != nil {
			return nil, next, nil
		}
		more, closed := s.await(written)
		if closed {
			return nil, next, ErrClosed
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, next, nil
		}
	}
}

// ReadTo returns frames of what was read before, up to its end or at most what has
// been appended.
func (s *Spool) ReadTo(from, to Position, max int) (frames []Frame, next Position, err error) {
	s.mu.Lock()
	written := s.written
	s.mu.Unlock()
	if written.Before(to) {
		to = written
	}
	return s.read(from, to, max)
}

// await is closed when the spool goes beyond a position.
func (s *Spool) await(written Position) (more <-chan struct{}, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, true
	}
	if s.reading == nil {
		s.reading = make(chan struct{})
	}
	more = s.reading
	if written != s.written {
		s.wake()
	}
	return more, false
}

func (s *Spool) read(from, until Position, max int) (frames []Frame, next Position, err error) {
	for size := 0; from.Before(until) && size < max; {
		end, exists := s.end(from.Segment, until)
		if !exists || from.Offset >= end {
			if from.Segment >= until.Segment {
				return frames, from, nil
			}
			from = Position{Segment: s.following(from.Segment, until), Offset: headerBytes}
			continue
		}
		got, to, err := s.readSegment(from, end, max-size)
		if err != nil {
			return frames, from, err
		}
		for _, f := range got {
			size += len(f.payload)
		}
		frames, from = append(frames, got...), to
	}
	return frames, from, nil
}

// end is where the frames of a segment end.
func (s *Spool) end(segment uint64, until Position) (int64, bool) {
	if segment == until.Segment {
		return until.Offset, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	size, ok := s.sealed[segment]
	return size, ok
}

// following is the next segment that exists.
func (s *Spool) following(segment uint64, until Position) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := until.Segment
	for seg := range s.sealed {
		if seg > segment && seg < next {
			next = seg
		}
	}
	return next
}

// slack is how much more than asked for is read at once, so that the last frame
// is whole as a rule.
const slack = 64 << 10

// readSegment reads frames of one segment. What it returns lies in one buffer.
func (s *Spool) readSegment(from Position, end int64, max int) ([]Frame, Position, error) {
	f, err := os.Open(s.path(from.Segment))
	if err != nil {
		return nil, from, fmt.Errorf("spool: open segment: %w", err)
	}
	defer f.Close()
	rest := end - from.Offset
	buf, err := readAt(f, from.Offset, min(rest, int64(max)+slack))
	if err != nil {
		return nil, from, err
	}
	frames, next := parse(buf, from, max)
	if len(frames) > 0 {
		return frames, next, nil
	}
	// A frame larger than the buffer, or a damaged piece: the rest is looked at whole.
	if buf, err = readAt(f, from.Offset, rest); err != nil {
		return nil, from, err
	}
	skip := 0
	if _, _, _, ok := parseFrame(buf); !ok {
		if skip = resync(buf); skip == len(buf) {
			skip = int(rest) // nothing follows, or the file was cut short
		}
		s.damaged(from, skip)
	}
	from.Offset += int64(skip)
	frames, next = parse(buf[min(skip, len(buf)):], from, max)
	return frames, next, nil
}

// readAt reads so many bytes, or fewer where the file ends.
func readAt(f *os.File, at, size int64) ([]byte, error) {
	buf := make([]byte, size)
	n, err := f.ReadAt(buf, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("spool: read segment: %w", err)
	}
	return buf[:n], nil
}

// parse reads whole frames until max bytes are reached or no intact one follows.
func parse(buf []byte, at Position, max int) (frames []Frame, next Position) {
	for taken := 0; taken < max; {
		kind, payload, n, ok := parseFrame(buf)
		if !ok {
			break
		}
		frames = append(frames, Frame{kind: kind, payload: payload, at: at})
		buf, at.Offset, taken = buf[n:], at.Offset+int64(n), taken+n
	}
	return frames, at
}

// damaged says what was found where no frame is.
func (s *Spool) damaged(at Position, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Damaged += uint64(size)
	s.opt.Logger.Error("spool: a damaged piece is skipped", "segment", s.path(at.Segment), "offset", at.Offset, "bytes", size)
}

// resync finds how many bytes to skip until the next whole frame, or to the end.
func resync(b []byte) int {
	for i := 1; i+frameBytes <= len(b); i++ {
		if k := Kind(b[i+4]); k < Events || k > Erasure {
			continue
		}
		if _, _, _, ok := parseFrame(b[i:]); ok {
			return i
		}
	}
	return len(b)
}
