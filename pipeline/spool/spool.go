// Package spool keeps what was acknowledged on local disk until the database
// has it: a write-ahead log of checksummed frames in numbered segment files.
//
// Append returns after the frame is on disk (one fdatasync is shared by all who
// wait for it). A reader follows behind and, once what it read stands in the
// database, advances the checkpoint; segments before the checkpoint are deleted
// at once, so that nothing lives on in the spool after it was flushed.
package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Kind says what a frame holds; the owner of the kind knows its format.
type Kind uint8

// The kinds of frame.
const (
	Events   Kind = iota + 1 // a batch of gated and minimised events
	Decision                 // a consent record with what it revokes
	Counts                   // counters of the banner
	Outcomes                 // counters of dropped events
	Erasure                  // a person's demand to erase what was collected so far
)

// Position is a place in the spool. It grows for ever, also across restarts.
type Position struct {
	Segment uint64
	Offset  int64
}

// Number is the position as one number, unique within a spool.
func (p Position) Number() uint64 { return p.Segment<<32 | uint64(p.Offset) }

// Before reports whether p lies before o.
func (p Position) Before(o Position) bool {
	return p.Segment < o.Segment || p.Segment == o.Segment && p.Offset < o.Offset
}

// Frame is one entry as it was read back, its checksum proven. It is sealed: it
// comes from Spool.Read alone.
type Frame struct {
	kind    Kind
	payload []byte
	at      Position
}

// Kind says what the frame holds.
func (f Frame) Kind() Kind { return f.kind }

// Payload is what was appended.
func (f Frame) Payload() []byte { return f.payload }

// At is where the frame begins.
func (f Frame) At() Position { return f.at }

// Entry is one frame to append.
type Entry struct {
	Kind    Kind
	Payload []byte
}

// Errors of the spool.
var (
	ErrFull   = errors.New("spool: full")
	ErrClosed = errors.New("spool: closed")
	ErrLarge  = errors.New("spool: entry too large")
)

// Options of a spool.
type Options struct {
	Dir          string           // folder of its own; created when missing
	SegmentBytes int64            // a segment is closed at this size; default 64 MiB
	MaxBytes     int64            // all segments together; default 8 GiB
	Logger       *slog.Logger     // default: slog.Default
	Now          func() time.Time // default: time.Now
	SealAfter    time.Duration    // a segment in use is closed at this age; default 30 s
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 8 << 30
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SealAfter == 0 {
		o.SealAfter = 30 * time.Second
	}
	return o
}

// Spool is an open write-ahead log. It is safe for concurrent use by many
// appenders and one reader.
type Spool struct {
	opt     Options
	queue   chan request
	done    chan struct{} // closed when the committer has ended
	closing chan struct{}
	once    sync.Once

	mu      sync.Mutex
	active  *os.File
	begun   time.Time // when the active segment was begun
	durable Position  // end of what is on disk
	size    int64     // bytes in all segments
	notify  chan struct{}
	sealed  map[uint64]int64 // sizes of closed segments
	saved   Position         // the checkpoint
}

type request struct {
	bytes []byte
	done  chan error
}

// queueLength bounds what waits for a commit; an appender beyond it waits.
const queueLength = 4096

// Open opens a spool, mends a torn tail and starts the committer. The committer
// ends with Close.
func Open(o Options) (*Spool, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: make folder: %w", err)
	}
	s := &Spool{
		opt: o, queue: make(chan request, queueLength), done: make(chan struct{}),
		closing: make(chan struct{}), notify: make(chan struct{}), sealed: map[uint64]int64{},
	}
	if err := s.recover(); err != nil {
		return nil, err
	}
	go s.commit()
	return s, nil
}

// Append writes entries next to each other and returns once they are on disk.
// After an error none of them is acknowledged; they may still be read back,
// which is why whoever repeats them must be able to tell a repeat.
func (s *Spool) Append(ctx context.Context, entries ...Entry) error {
	var buf []byte
	for _, e := range entries {
		if len(e.Payload) > maxPayload {
			return ErrLarge
		}
		buf = appendFrame(buf, e)
	}
	if s.reserved(entries, len(buf)) {
		return fmt.Errorf("%w: what is left is kept for decisions", ErrFull)
	}
	r := request{bytes: buf, done: make(chan error, 1)}
	select {
	case s.queue <- r:
	case <-s.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("spool: append: %w", ctx.Err())
	}
	select {
	case err := <-r.done:
		return err
	case <-s.done:
		select { // it may have been committed just before the end
		case err := <-r.done:
			return err
		default:
			return ErrClosed
		}
	}
}

// reserve is the part of MaxBytes that is kept for decisions and demands, so
// that a flood of events cannot keep anybody from taking back their consent.
const reserve = 20 // one part in

// reserved reports whether there is no room for entries of this kind any more.
func (s *Spool) reserved(entries []Entry, size int) bool {
	for _, e := range entries {
		if e.Kind == Decision || e.Kind == Erasure {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size+int64(size) > s.opt.MaxBytes-s.opt.MaxBytes/reserve
}

// commit writes whatever waits, syncs once, and answers everybody.
func (s *Spool) commit() {
	defer close(s.done)
	for {
		var group []request
		select {
		case r := <-s.queue:
			group = append(group, r)
		case <-s.closing:
			s.drain()
			return
		}
		s.write(s.gather(group))
	}
}

// groupBytes bounds one write.
const groupBytes = 4 << 20

func (s *Spool) gather(group []request) []request {
	size := len(group[0].bytes)
	for size < groupBytes {
		select {
		case r := <-s.queue:
			group = append(group, r)
			size += len(r.bytes)
		default:
			return group
		}
	}
	return group
}

func (s *Spool) drain() {
	for {
		select {
		case r := <-s.queue:
			s.write(s.gather([]request{r}))
		default:
			return
		}
	}
}

func (s *Spool) write(group []request) {
	var buf []byte
	for _, r := range group {
		buf = append(buf, r.bytes...)
	}
	err := s.store(buf)
	for _, r := range group {
		r.done <- err
	}
}

// store puts bytes on disk. When it fails, the segment is cut back to what was
// on disk before, so that a later frame never stands behind a broken one.
func (s *Spool) store(buf []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size+int64(len(buf)) > s.opt.MaxBytes {
		return fmt.Errorf("%w: %d of %d bytes in use", ErrFull, s.size, s.opt.MaxBytes)
	}
	if s.active == nil || s.durable.Offset >= s.opt.SegmentBytes {
		if err := s.rotate(); err != nil {
			return classify(err)
		}
	}
	_, err := s.active.WriteAt(buf, s.durable.Offset)
	if err == nil {
		err = datasync(s.active)
	}
	if err != nil {
		if cut := s.active.Truncate(s.durable.Offset); cut != nil {
			s.opt.Logger.Error("spool: could not cut back a failed write; a new segment is begun", "error", cut)
		}
		// After a failed sync the kernel may have thrown the pages away, so this
		// file is not written again.
		s.seal()
		return classify(err)
	}
	s.durable.Offset += int64(len(buf))
	s.size += int64(len(buf))
	s.wake()
	return nil
}

// wake tells the reader that there is more. mu is held.
func (s *Spool) wake() {
	close(s.notify)
	s.notify = make(chan struct{})
}

// seal closes the active segment; the next write begins another. mu is held.
func (s *Spool) seal() {
	if s.active == nil {
		return
	}
	s.sealed[s.durable.Segment] = s.durable.Offset
	if err := s.active.Close(); err != nil {
		s.opt.Logger.Warn("spool: close segment", "error", err)
	}
	s.active = nil
}

// rotate begins the next segment. mu is held.
func (s *Spool) rotate() error {
	s.seal()
	next := Position{Segment: s.durable.Segment + 1, Offset: headerBytes}
	f, err := createSegment(s.path(next.Segment))
	for errors.Is(err, os.ErrExist) { // a foreign file that was left alone has this name
		next.Segment++
		f, err = createSegment(s.path(next.Segment))
	}
	if err != nil {
		return err
	}
	if err := syncDir(s.opt.Dir); err != nil {
		return errors.Join(err, f.Close())
	}
	s.active, s.durable, s.begun = f, next, s.opt.Now()
	s.size += headerBytes
	return nil
}

func (s *Spool) path(segment uint64) string {
	return filepath.Join(s.opt.Dir, fmt.Sprintf("%016x.seg", segment))
}

// End is the end of what is on disk.
func (s *Spool) End() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable
}

// Backlog is how many bytes wait behind the checkpoint, headers not counted.
func (s *Spool) Backlog() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
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
		if s.saved.Segment == s.durable.Segment {
			from = s.saved.Offset
		}
		sum += max(s.durable.Offset-from, 0)
	}
	return sum
}

// Close commits what waits and closes the files. Append fails from then on.
func (s *Spool) Close() error {
	s.once.Do(func() { close(s.closing) })
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == nil {
		return nil
	}
	err := s.active.Close()
	s.active = nil
	if err != nil {
		return fmt.Errorf("spool: close: %w", err)
	}
	return nil
}
