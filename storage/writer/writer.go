// Package writer moves what the spool holds into the database, once.
//
// The spool is the truth. A flush inserts what a run of frames holds; after any
// end in doubt (an error, a reconnect, a restart) the same frames are flushed
// again, but first it is read back which of their identities are there already,
// and only what is missing is inserted. Then the checkpoint advances.
package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/consent"
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

	FlushEvery time.Duration // how long a flush waits for company; default 1 s
	FlushBytes int           // bytes of frames in one flush at most; default 16 MiB
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
		o.FlushBytes = 16 << 20
	}
	return o, nil
}

// Writer is the one reader of a spool. Run may be called once.
type Writer struct {
	o      Options
	doubt  spool.Position // up to here an earlier flush may have got through unseen
	beaten time.Time      // of the last heartbeat
	mark   mark           // the next watermark, once everything up to it is flushed
	passed time.Time      // the watermark
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
	w := &Writer{o: o, doubt: o.Spool.End(), passed: time.UnixMilli(0)}
	w.mark = mark{at: o.Now(), end: w.doubt}
	return w, nil
}

// Run flushes until ctx ends; then it flushes what is left, for as long as
// DrainFor, and leaves the rest to the spool. The end of ctx lets a flush under
// way come to its own end: an insert that is cut off may still be carried out.
func (w *Writer) Run(ctx context.Context) {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(w.o.DrainFor, cancel) })()
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
	if left := w.o.Spool.Backlog(); left > 0 {
		w.o.Logger.Warn("writer: the rest stays in the spool for the next start", "bytes", left)
	}
}

// step flushes one run of frames and returns where the next one begins. It waits
// and tries again until ctx ends; what it has begun it ends, until last ends.
func (w *Writer) step(ctx, last context.Context, at spool.Position, draining bool) spool.Position {
	w.heartbeat(ctx, at)
	frames, next, err := w.gather(ctx, at, draining)
	if errors.Is(err, spool.ErrClosed) || err == nil && len(frames) == 0 {
		return next
	}
	var l load
	if err == nil {
		l, err = loadOf(frames)
	}
	if err != nil {
		w.o.Logger.Error("writer: the spool cannot be read; nothing is flushed", "error", err)
		w.pause(ctx, w.o.MaxBackoff)
		return at
	}
	l.replayed = at.Before(w.doubt)
	if !w.persist(ctx, last, &l) {
		if w.doubt.Before(next) { // the stop came in the middle of a flush
			w.doubt = next
		}
		return at
	}
	if err := w.o.Spool.Advance(next); err != nil {
		// The frames are in the database; after a restart they are found there.
		w.o.Logger.Error("writer: the checkpoint cannot be saved", "error", err)
	}
	return next
}

// gather waits for the first frame, then a while for more.
func (w *Writer) gather(ctx context.Context, at spool.Position, draining bool) ([]spool.Frame, spool.Position, error) {
	if !draining {
		wait, cancel := context.WithTimeout(ctx, w.o.Heartbeat)
		frames, next, err := w.o.Spool.Read(wait, at, 1)
		cancel()
		if err != nil || len(frames) == 0 {
			return frames, next, err
		}
		w.pause(ctx, w.o.FlushEvery)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return w.o.Spool.Read(ended, at, w.o.FlushBytes)
}

// persist tries until the load is in the database; false means that ctx ended first.
func (w *Writer) persist(ctx, last context.Context, l *load) bool {
	doubt, backoff := l.replayed, 100*time.Millisecond
	for {
		err := w.flush(last, l, doubt)
		if err == nil {
			return true
		}
		doubt = true // the failed try may have got through in part
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
func (w *Writer) flush(ctx context.Context, l *load, doubt bool) error {
	if err := w.writeDecisions(ctx, l.decisions, doubt); err != nil {
		return err
	}
	if err := w.writeErasures(ctx, l.erasures, doubt); err != nil {
		return err
	}
	if err := w.writeCounts(ctx, l.counts, doubt); err != nil {
		return err
	}
	ended := l.outcomes
	if len(l.events) > 0 {
		if err := w.o.Feed.Poll(ctx); err != nil {
			return fmt.Errorf("writer: %w", err)
		}
		final, err := w.writeEvents(ctx, l, doubt)
		if err != nil {
			return err
		}
		ended = append(final, ended...)
	}
	return w.writeOutcomes(ctx, ended, doubt)
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

// heartbeat writes that this node lives, and its watermark: everything that it
// accepted before that moment is flushed, no insert is under way now, and every
// later one polls the revocations first. So nothing that was accepted or revoked
// before the watermark can still come from this node.
func (w *Writer) heartbeat(ctx context.Context, at spool.Position) {
	now, end := w.o.Now(), w.o.Spool.End()
	switch {
	case !at.Before(end):
		w.passed, w.mark = now, mark{at: now, end: end}
	case !at.Before(w.mark.end):
		w.passed, w.mark = w.mark.at, mark{at: now, end: end}
	}
	if now.Sub(w.beaten) < w.o.Heartbeat {
		return
	}
	w.beaten = now
	b, err := w.o.Conn.PrepareBatch(ctx, "INSERT INTO nodes (node, seen_at, watermark)")
	if err == nil {
		defer b.Close()
		if err = b.Append(w.o.Node, now, w.passed); err == nil {
			err = b.Send()
		}
	}
	if err != nil && ctx.Err() == nil {
		w.o.Logger.Debug("writer: no heartbeat", "error", err)
	}
}
