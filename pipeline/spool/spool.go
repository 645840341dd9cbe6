// Package spool keeps what was acknowledged on local disk until the database
// has it: a write-ahead log of checksummed frames in numbered segment files.
//
// Append returns once the kernel has the bytes, so that a process that is killed
// loses nothing. Decisions, demands and refusals are on disk by then as well: one
// fdatasync is shared by all who wait for it. Events follow within a short
// interval. A reader follows behind and, once what it read stands in the
// database, advances the checkpoint; segments before the checkpoint are deleted
// at once, so that nothing lives on in the spool after it was flushed.
package spool

import (
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

// lasts reports whether entries of the kind are on disk before they are
// acknowledged: what a person decided is never lost, not even to a power cut.
func (k Kind) lasts() bool { return k == Decision || k == Counts || k == Erasure }

// reserved reports whether entries of the kind may use what is kept for them
// when there is no more room for others.
func (k Kind) reserved() bool { return k == Decision || k == Erasure }

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
	ErrDoubt  = errors.New("spool: appended, but not known to be on disk")
)

// Options of a spool.
type Options struct {
	Dir          string           // folder of its own; created when missing
	SegmentBytes int64            // a segment is closed at this size; default 16 MiB
	MaxBytes     int64            // all segments together; default 8 GiB
	Logger       *slog.Logger     // default: slog.Default
	Now          func() time.Time // default: time.Now
	SealAfter    time.Duration    // a segment in use is closed at this age; default 30 s
	SyncEvery    time.Duration    // events are on disk this much later at most; default 100 ms, negative = before Append returns
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 16 << 20
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
	if o.SyncEvery == 0 {
		o.SyncEvery = 100 * time.Millisecond
	}
	return o
}

// Spool is an open write-ahead log. It is safe for concurrent use by many
// appenders and one reader.
type Spool struct {
	opt     Options
	frames  buffers
	sync    chan struct{} // somebody waits for the disk
	closing chan struct{}
	done    chan struct{} // closed when the syncer has ended
	once    sync.Once

	mu       sync.Mutex
	closed   bool
	active   *segment
	begun    time.Time // when the active segment was begun
	fresh    bool      // the folder does not know the active segment for good yet
	written  Position  // end of what the kernel has
	synced   Position  // end of what is on disk
	size     int64     // bytes in all segments
	ballast  bool      // room is kept on the disk for decisions
	dropped  time.Time // when the ballast was dropped, or could not be laid again
	unsynced []ended
	waiters  []waiter
	reading  chan struct{} // closed when there is more, nil when no reader waits
	sealed   map[uint64]int64
	saved    Position // the checkpoint
	intended Position // end of the run that the reader was flushing
	marks    []mark   // how old what waits is
	stats    Stats
}

// Open opens a spool, mends a torn tail and starts what puts it on disk, which
// ends with Close.
func Open(o Options) (*Spool, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: make folder: %w", err)
	}
	s := &Spool{
		opt: o, sync: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}), sealed: map[uint64]int64{},
	}
	if err := s.recover(); err != nil {
		return nil, err
	}
	s.ballast = s.layBallast() == nil
	go s.run()
	return s, nil
}

func (s *Spool) path(segment uint64) string {
	return filepath.Join(s.opt.Dir, fmt.Sprintf("%016x.seg", segment))
}

// End is the end of what was appended.
func (s *Spool) End() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// Close puts everything on disk and closes the files. Append fails from then on.
func (s *Spool) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.wake()
		s.mu.Unlock()
		close(s.closing)
	})
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal()
	var err error
	for _, e := range s.unsynced {
		err = errors.Join(err, e.segment.end(e.size))
	}
	s.unsynced = nil
	return err
}
