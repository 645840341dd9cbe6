package writer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	lib "github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"kelisim/pipeline/batch"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
)

// A frame that nobody can write is parked, so that what follows it is not held
// up: in a file of its own, said loudly. It is tried again at every start and
// every hour, and passes the same checks of withdrawal and term as at first; what
// cannot be read at all is deleted after a month.
const (
	unparkEvery = time.Hour
	parkedTerm  = 30 * 24 * time.Hour
)

// permanentCodes are errors of the server that the same rows meet again, and
// their names there: all of them are about values. Everything else (no table yet, no memory, too many parts, no
// room, no connection) may pass.
var permanentCodes = map[int32]string{
	6: "CANNOT_PARSE_TEXT", 33: "CANNOT_READ_ALL_DATA", 53: "TYPE_MISMATCH", 70: "CANNOT_CONVERT_TYPE",
	117: "INCORRECT_DATA", 131: "TOO_LARGE_STRING_SIZE", 321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE", 469: "VIOLATED_CONSTRAINT",
}

// isPermanent reports whether the same rows would fail again.
func isPermanent(err error) bool {
	var server *clickhouse.Exception
	if errors.As(err, &server) {
		_, ok := permanentCodes[server.Code]
		return ok
	}
	var convert *lib.ColumnConverterError
	return errors.As(err, &convert) || errors.Is(err, batch.ErrFrame)
}

// errSifted asks for one more try, without the frames that were put aside.
var errSifted = errors.New("writer: what cannot be written was put aside")

// sift puts the frames aside that cannot be read, or else those that cannot be
// written, which it finds by halves. The others are written by it, and found by
// the next try.
func (w *Writer) sift(ctx context.Context, r *run) error {
	var good []spool.Frame
	for _, f := range r.events {
		if _, err := batch.FromFrame(f); err != nil {
			r.parked = append(r.parked, parked{frame: f, payload: f.Payload(), why: err})
			continue
		}
		good = append(good, f)
	}
	if len(good) < len(r.events) {
		r.events = good
		return nil
	}
	return w.halve(ctx, r, r.events)
}

func (w *Writer) halve(ctx context.Context, r *run, frames []spool.Frame) error {
	_, err := w.writeEvents(ctx, &run{events: frames, replayed: r.replayed, repeats: r.repeats}, true)
	switch {
	case !isPermanent(err):
		return err
	case len(frames) > 1:
		half := len(frames) / 2
		if err := w.halve(ctx, r, frames[:half:half]); err != nil {
			return err
		}
		return w.halve(ctx, r, frames[half:])
	}
	return w.setAside(r, frames[0], err)
}

// setAside takes one frame out of a run. Events of it that may no longer be stored
// end here: they are not kept aside.
func (w *Writer) setAside(r *run, f spool.Frame, why error) error {
	b, err := batch.FromFrame(f)
	if err != nil {
		return fmt.Errorf("writer: %w", err)
	}
	now := w.o.Now()
	b = b.Without(func(row batch.Row) bool {
		v := row.Values()
		end := w.end(&v, now)
		if end == outcome.Stored {
			return false
		}
		r.outcomes.add(keyOf(&v, end), 1)
		return true
	})
	if b.Len() > 0 {
		r.parked = append(r.parked, parked{frame: f, payload: b.Encode(), why: why})
	}
	r.events = slices.DeleteFunc(slices.Clone(r.events), func(e spool.Frame) bool { return e.At() == f.At() })
	return nil
}

// park puts frames aside for good, before the checkpoint passes them.
func (w *Writer) park(all []parked) error {
	for _, p := range all {
		if err := w.o.Spool.Park(p.frame, p.payload); err != nil {
			return fmt.Errorf("writer: %w", err)
		}
		at := p.frame.At()
		w.o.Logger.Error("writer: a frame cannot be written and is kept aside", "segment", at.Segment, "offset", at.Offset, "error", p.why)
		w.stats.change(func(s *Stats) { s.Parked++ })
	}
	return nil
}

// unpark puts parked frames back into the spool, now and every hour, until ctx
// ends.
func (w *Writer) unpark(ctx context.Context) {
	tick := time.NewTicker(unparkEvery)
	defer tick.Stop()
	for {
		if err := w.unparkAll(ctx); err != nil && ctx.Err() == nil {
			w.o.Logger.Warn("writer: what is parked stays so", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Writer) unparkAll(ctx context.Context) error {
	all, err := w.o.Spool.Parked()
	if err != nil {
		return fmt.Errorf("writer: %w", err)
	}
	left := uint64(0)
	for _, p := range all {
		switch {
		case readable(p.Frame):
			// It may stand: the process may have ended before the file was gone.
			if p.Kind() == spool.Events {
				batch.MarkReadBack(p.Payload())
			} else {
				w.unparked.Store(true)
			}
			err = errors.Join(err, w.o.Spool.Unpark(ctx, p))
		case w.o.Now().Sub(p.Since) < parkedTerm:
			left++
		default:
			w.o.Logger.Error("writer: a parked frame that nobody could read is deleted at the end of its term")
			err = errors.Join(err, w.o.Spool.Forget(p))
		}
	}
	w.stats.change(func(s *Stats) { s.Parked = left })
	return err
}

// readable reports whether this program understands a frame.
func readable(f spool.Frame) bool {
	if f.Kind() == spool.Events {
		_, err := batch.FromFrame(f)
		return err == nil
	}
	return runOf(spool.Position{}, spool.Position{}, []spool.Frame{f}).parked == nil
}
