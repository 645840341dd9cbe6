// Package writer moves what the spool holds into the database, once.
//
// The spool is the truth. A flush inserts what a run of frames holds; after any
// end in doubt (an error, a reconnect, a restart) the same frames are flushed
// again, but first it is read back which of their identities are there already,
// and only what is missing is inserted. Then the checkpoint advances. Where a run of
// frames ends is saved before it is flushed, so that it is flushed again with the
// same bounds, and only that run is in doubt after a restart.
package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/consent"
	"kelisim/pipeline/failpoint"
	"kelisim/pipeline/spool"
)

// Feed brings the revocations of all nodes up to date.
type Feed interface {
	Poll(ctx context.Context) error
}

// Options of a writer.
type Options struct {
	Spool   *spool.Spool
	Conn    driver.Conn // the writer's role
	Feed    Feed
	Revoked *consent.Revocations
	Node    string // name of this node, the same across restarts
	Logger  *slog.Logger
	Now     func() time.Time

	FlushEvery time.Duration // how long a flush waits for company, longer when the database is slow; default 1 s
	FlushBytes int           // bytes of frames in one flush at most; default 8 MiB
	MaxBackoff time.Duration // between tries; default 10 s
	Heartbeat  time.Duration // between two lines in the table of nodes; default 5 s
	DrainFor   time.Duration // how long Run goes on flushing after its context ended; default 10 s
}

func (o Options) withDefaults() (Options, error) {
	if o.Spool == nil || o.Conn == nil || o.Feed == nil || o.Revoked == nil || o.Node == "" || o.Logger == nil || o.Now == nil {
		return o, errors.New("writer: spool, connection, feed, revocations, node, logger and clock are all needed")
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&o.FlushEvery, time.Second}, {&o.MaxBackoff, 10 * time.Second},
		{&o.Heartbeat, 5 * time.Second}, {&o.DrainFor, 10 * time.Second},
	} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if o.FlushBytes == 0 {
		o.FlushBytes = 8 << 20
	}
	return o, nil
}

// Writer is the one reader of a spool. Run may be called once.
type Writer struct {
	o         Options
	doubt     spool.Position // up to here an earlier flush may have got through unseen
	digests   digester
	taken     seen // identities of the run that is flushed
	unsettled bool // an insert of before may still be carried out
	wait      pace
	unparked  atomic.Bool // decisions or demands came back that may stand
	stats     *figures

	eventColumns []column
	eventNames   string

	mu     sync.Mutex
	mark   mark      // the next watermark, once everything up to it is flushed
	passed time.Time // the watermark
}

// mark is how much had been accepted at a moment.
type mark struct {
	at  time.Time
	end spool.Position
}

// New makes a writer. It takes what lies in the spool now for the rest of an
// earlier process, so it must be made before anything is appended.
func New(o Options) (*Writer, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	w := &Writer{
		o: o, doubt: o.Spool.Intended(), passed: time.UnixMilli(0), digests: newDigester(), stats: newFigures(),
		eventColumns: eventColumns(), unsettled: true, wait: newPace(o.FlushEvery),
	}
	w.eventNames = names(w.eventColumns)
	w.mark = mark{at: o.Now(), end: o.Spool.End()}
	return w, nil
}

// Run flushes until ctx ends; then it flushes what is left, for as long as
// DrainFor, and leaves the rest to the spool. The end of ctx lets a flush under
// way come to its own end: an insert that is cut off may still be carried out.
func (w *Writer) Run(ctx context.Context) {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(w.o.DrainFor, cancel) })()
	var beats sync.WaitGroup
	beats.Go(func() { w.beat(ctx) })
	beats.Go(func() { w.unpark(ctx) })
	defer beats.Wait()
	at := w.o.Spool.Checkpoint()
	for ctx.Err() == nil {
		at = w.step(ctx, last, at, false)
	}
	for last.Err() == nil {
		next := w.step(last, last, at, true)
		if next == at {
			break
		}
		at = next
	}
	if w.pass(at); last.Err() == nil {
		w.heartbeat(last) // the last one says how far the node got
	}
	if left := w.o.Spool.Backlog(); left > 0 {
		w.o.Logger.Warn("writer: the rest stays in the spool for the next start", "bytes", left)
	}
}

// step flushes one run of frames and returns where the next one begins. It waits
// and tries again until ctx ends; what it has begun it ends, until last ends.
func (w *Writer) step(ctx, last context.Context, at spool.Position, draining bool) spool.Position {
	w.pass(at)
	frames, next, err := w.gather(ctx, at, draining)
	if errors.Is(err, spool.ErrClosed) || err == nil && len(frames) == 0 {
		return next
	}
	if err == nil {
		err = w.o.Spool.Intend(next)
	}
	if err != nil {
		w.o.Logger.Error("writer: the spool cannot be used; nothing is flushed", "error", err)
		w.pause(ctx, min(time.Second, w.o.MaxBackoff))
		return at
	}
	r := runOf(at, next, frames)
	r.calm = !draining && r.bytes < uint64(w.o.FlushBytes)/2
	if r.replayed = at.Before(w.doubt); r.replayed {
		failpoint.Hit("writer-replay")
	}
	if !w.persist(ctx, last, r) {
		if w.doubt.Before(next) { // the stop came in the middle of a flush
			w.doubt = next
		}
		return at
	}
	failpoint.Hit("writer-flushed")
	if r.replayed {
		failpoint.Hit("writer-replayed")
	}
	if err := w.o.Spool.Advance(next); err != nil {
		// The frames are in the database; after a restart they are found there.
		w.o.Logger.Error("writer: the checkpoint cannot be saved", "error", err)
	}
	return next
}

// wholeRun is how many times the bytes of a flush are read at once of what may have
// been flushed: more than any run has, so that it comes back with the bounds it had.
const wholeRun = 4

// gather waits for the first frame, then a while for more. A run that may have
// been flushed before is read with the bounds it had.
func (w *Writer) gather(ctx context.Context, at spool.Position, draining bool) ([]spool.Frame, spool.Position, error) {
	if at.Before(w.doubt) {
		frames, next, err := w.o.Spool.ReadTo(at, w.doubt, wholeRun*w.o.FlushBytes)
		if err != nil || len(frames) > 0 || next != at {
			return frames, next, err // where nothing is left of it, the next run begins behind it
		}
	}
	if !draining {
		wait, cancel := context.WithTimeout(ctx, w.o.Heartbeat)
		frames, next, err := w.o.Spool.Read(wait, at, 1)
		cancel()
		if err != nil || len(frames) == 0 {
			return frames, next, err
		}
		if w.o.Spool.Backlog() < int64(w.o.FlushBytes) {
			w.pause(ctx, w.wait.between())
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return w.o.Spool.Read(ended, at, w.o.FlushBytes)
}

// persist tries until the run is in the database; false means that ctx ended first.
func (w *Writer) persist(ctx, last context.Context, r *run) bool {
	doubt, backoff, began := r.replayed, 100*time.Millisecond, w.o.Now()
	for {
		tried := w.o.Now()
		err := w.flush(last, r, doubt)
		if err == nil {
			if err = w.park(r.parked); err == nil {
				now := w.o.Now()
				w.wait.flushed(now.Sub(tried), r.parts)
				w.stats.flushed(r, now, now.Sub(began))
				return true
			}
		}
		doubt = true // the failed try may have got through in part
		w.stats.failed(err)
		w.wait.failed(err)
		if ctx.Err() != nil {
			return false
		}
		w.o.Logger.Warn("writer: flush failed; it is tried again", "error", err, "in", backoff.String())
		w.pause(ctx, backoff/2+rand.N(backoff))
		backoff = min(backoff*2, w.o.MaxBackoff)
	}
}

// flush is the order of one write: decisions before the events they license,
// own withdrawals and everybody else's before any event, outcomes when final.
func (w *Writer) flush(ctx context.Context, r *run, doubt bool) error {
	if err := w.settle(ctx); err != nil {
		return err
	}
	twice := doubt || w.unparked.Load()
	if err := w.writeDecisions(ctx, r.decisions, twice); err != nil {
		return err
	}
	if err := w.writeErasures(ctx, r.erasures, twice); err != nil {
		return err
	}
	if err := w.writeCounts(ctx, r, doubt); err != nil {
		return err
	}
	if r.ended == nil {
		ended, err := w.finish(ctx, r, doubt)
		if err != nil {
			return err
		}
		r.ended = ended // they stay as they are now counted, whatever comes between this and the next try
	}
	if err := w.writeOutcomes(ctx, r, r.ended, doubt); err != nil {
		return err
	}
	w.unsettled = false // all inserts were answered
	return nil
}

// finish writes the events of a run, and says what became of them and of those
// that were dropped before the spool.
func (w *Writer) finish(ctx context.Context, r *run, doubt bool) (counters[outcomeKey], error) {
	ended := counters[outcomeKey]{}
	if len(r.events) > 0 {
		if err := w.o.Feed.Poll(ctx); err != nil {
			return nil, fmt.Errorf("writer: %w", err)
		}
		var err error
		if ended, err = w.writeEvents(ctx, r, doubt); err != nil {
			if isPermanent(err) {
				err = errors.Join(w.sift(ctx, r), errSifted)
			}
			return nil, err
		}
	}
	for k, n := range r.outcomes {
		ended.add(k, n)
	}
	return ended, nil
}

// pause waits, or less when ctx ends.
func (w *Writer) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
