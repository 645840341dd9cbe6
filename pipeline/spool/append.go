package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"kelisim/pipeline/failpoint"
)

// buffers are where frames are put together.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	return new([]byte)
}

// put gives a buffer back; a very large one is left to the collector.
func (b *buffers) put(p *[]byte) {
	if cap(*p) <= 64<<10 {
		*p = (*p)[:0]
		b.pool.Put(p)
	}
}

// Append writes entries next to each other. It returns once the kernel has them,
// and for kinds that must last once they are on disk. After an error none of them
// is acknowledged. After ErrDoubt they are read back as a rule, so whoever repeats
// them must be able to tell a repeat; after any other error they are not there.
func (s *Spool) Append(ctx context.Context, entries ...Entry) error {
	return s.append(ctx, s.opt.SyncEvery < 0, entries)
}

// append is Append; what lasts is on disk when it returns, whatever its kind.
func (s *Spool) append(ctx context.Context, lasts bool, entries []Entry) error {
	p := s.frames.get()
	defer s.frames.put(p)
	reserved := false
	for _, e := range entries {
		if len(e.Payload) > maxPayload {
			return ErrLarge
		}
		*p = appendFrame(*p, e)
		lasts, reserved = lasts || e.Kind.lasts(), reserved || e.Kind.reserved()
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("spool: append: %w", err)
	}
	wait, err := s.store(*p, lasts, reserved)
	if err != nil || wait == nil {
		return err
	}
	select {
	case err = <-wait:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDoubt, err)
	}
	return nil
}

// reserve is the part of MaxBytes that is kept for decisions and demands, so
// that a flood of events cannot keep anybody from taking back their consent.
const reserve = 20 // one part in

// store gives bytes to the kernel. When it fails, the segment is cut back to what
// was there before, so that a later frame never stands behind a broken one. The
// channel says when they are on disk, for those who wait for that.
func (s *Spool) store(buf []byte, lasts, reserved bool) (<-chan error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if err := s.room(int64(len(buf)), reserved); err != nil {
		s.stats.Full++
		return nil, err
	}
	err := s.write(buf)
	if err != nil && reserved && errors.Is(err, ErrFull) && s.dropBallast() {
		err = s.write(buf)
	}
	if err != nil {
		if errors.Is(err, ErrFull) {
			s.stats.Full++
		}
		return nil, err
	}
	s.wake()
	if !lasts {
		return nil, nil
	}
	w := waiter{until: s.written, done: make(chan error, 1)}
	s.waiters = append(s.waiters, w)
	select {
	case s.sync <- struct{}{}:
	default:
	}
	return w.done, nil
}

// room reports whether so many bytes may be stored. mu is held.
func (s *Spool) room(size int64, reserved bool) error {
	limit := s.opt.MaxBytes
	if !reserved {
		limit -= limit / reserve
		if !s.ballast {
			return fmt.Errorf("%w: what is left of the disk is kept for decisions", ErrFull)
		}
	}
	if s.size+size > limit {
		return fmt.Errorf("%w: %d of %d bytes in use", ErrFull, s.size, s.opt.MaxBytes)
	}
	return nil
}

// write appends to the active segment, or begins one. mu is held.
func (s *Spool) write(buf []byte) error {
	if s.active == nil || s.written.Offset >= s.opt.SegmentBytes || !s.active.room(s.written.Offset, len(buf)) {
		if err := s.rotate(len(buf)); err != nil {
			return classify(err)
		}
	}
	failpoint.Hit("spool-write")
	if err := s.active.writeAt(buf, s.written.Offset); err != nil {
		if cut := s.active.cut(s.written.Offset); cut != nil {
			s.opt.Logger.Error("spool: could not cut back a failed write; a new segment is begun", "error", cut)
		}
		s.seal()
		return classify(fmt.Errorf("spool: write: %w", err))
	}
	s.written.Offset += int64(len(buf))
	s.size += int64(len(buf))
	s.stats.Appended += uint64(len(buf))
	failpoint.Hit("spool-written")
	return nil
}

// wake tells the reader that there is more. mu is held.
func (s *Spool) wake() {
	if s.reading != nil {
		close(s.reading)
		s.reading = nil
	}
}

// seal ends the active segment; the next write begins another. The syncer closes
// it once it is on disk. mu is held.
func (s *Spool) seal() {
	if s.active == nil {
		return
	}
	s.sealed[s.written.Segment] = s.written.Offset
	s.unsynced = append(s.unsynced, ended{s.active, s.written.Offset})
	s.active = nil
}

// rotate begins the next segment, with room for what is to be written. mu is held.
func (s *Spool) rotate(size int) error {
	s.seal()
	room := max(s.opt.SegmentBytes, headerBytes+int64(size))
	next := Position{Segment: s.written.Segment + 1, Offset: headerBytes}
	g, err := createSegment(s.path(next.Segment), room)
	if errors.Is(classify(err), ErrFull) { // less room may still be had
		g, err = createSegment(s.path(next.Segment), min(room, max(mapLeast, headerBytes+int64(size))))
	}
	for errors.Is(err, os.ErrExist) { // a foreign file that was left alone has this name
		next.Segment++
		g, err = createSegment(s.path(next.Segment), room)
	}
	if err != nil {
		return err
	}
	s.active, s.written, s.begun, s.fresh = g, next, s.opt.Now(), true
	failpoint.Hit("spool-rotated")
	s.size += headerBytes
	return nil
}
