package writer

import (
	"context"
	"fmt"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
)

// verdict is what becomes of one event in a flush.
type verdict uint8

const (
	dropped verdict = iota
	toStore         // its row is missing
	sent            // its row is sent, or stands
)

// judged is the run of events as they are judged.
type judged struct {
	frames   []spool.Frame
	verdicts []verdict
	repeats  map[digest]struct{} // stood before the first try
	there    map[digest]struct{} // stand now, in doubt
	ended    counters[outcomeKey]
	found    uint64 // that stand now
	now      time.Time
}

// writeEvents re-checks every event against the revocations and its own term,
// inserts what still may be stored, and returns the final outcomes. What stood
// in the table before the first try is a repeat; what an earlier try stored is
// not.
func (w *Writer) writeEvents(ctx context.Context, r *run, doubt bool) (counters[outcomeKey], error) {
	if r.repeats == nil && !r.replayed {
		before, err := w.eventsThere(ctx, r.events, false)
		if err != nil {
			return nil, err
		}
		r.repeats = before
	}
	var ended counters[outcomeKey]
	err := ensure(doubt,
		func() (map[digest]struct{}, error) { return w.eventsThere(ctx, r.events, true) },
		func(there map[digest]struct{}) (sent int, err error) {
			j := &judged{frames: r.events, repeats: r.repeats, there: there, ended: counters[outcomeKey]{}, now: w.o.Now()}
			for more := true; more; {
				var n int
				if n, more, err = w.insertEvents(ctx, r, j); err != nil {
					return 0, err
				}
				sent += n
			}
			ended = j.ended
			w.stats.found(j.found)
			return sent, nil
		})
	return ended, err
}

// insertEvents goes through the frames once and sends what it may; more says
// that rows are left because their partitions are too many for one insert.
func (w *Writer) insertEvents(ctx context.Context, r *run, j *judged) (sent int, more bool, err error) {
	p, err := w.prepare(ctx, "events", w.eventNames)
	if err != nil {
		return 0, false, err
	}
	defer p.end()
	events := blockOf(p, w.eventColumns)
	if more, err = w.fill(ctx, r, j, events); err != nil {
		return 0, false, fmt.Errorf("writer: fill events: %w", err)
	}
	r.parts += len(events.days)
	sent, err = w.send(p)
	return sent, more, err
}

func (w *Writer) fill(ctx context.Context, r *run, j *judged, events *block) (more bool, err error) {
	if j.verdicts == nil {
		w.taken.reset()
	}
	var (
		reader     batch.Reader
		at, rested int
	)
	for _, f := range j.frames {
		b, err := reader.Read(f)
		if err != nil {
			return false, err
		}
		for i := range b.Len() {
			v := b.At(i)
			if at == len(j.verdicts) {
				j.verdicts = append(j.verdicts, w.judge(j, v))
			}
			verdict := &j.verdicts[at]
			at++
			switch {
			case *verdict != toStore:
				continue
			case !events.room(v.Expires.Unix()):
				more = true
				continue
			}
			if err := events.add(v); err != nil {
				return false, err
			}
			*verdict = sent
		}
		if r.calm && at-rested >= breath {
			w.pause(ctx, rest)
			rested = at
		}
		if err := events.to.push(); err != nil {
			return false, err
		}
	}
	return more, nil
}

// While nothing hurries, a flush rests after every few events, so that it never
// holds a processor for as long as a visitor would notice.
const (
	breath = 128
	rest   = 500 * time.Microsecond
)

// judge says what becomes of an event, and counts it.
func (w *Writer) judge(j *judged, v *minimise.Values) verdict {
	end, verdict := w.end(v, j.now), dropped
	if end == outcome.Stored {
		d := w.digests.of(identify(v))
		_, repeat := j.repeats[d]
		_, there := j.there[d]
		switch {
		case repeat || !w.taken.add(d):
			end = outcome.Duplicate
		case there: // this process or the one before it stored it and did not learn so
			verdict = sent
			j.found++
		default:
			verdict = toStore
		}
	}
	j.ended.add(keyOf(v, end), 1)
	return verdict
}

const daySeconds = 24 * 60 * 60

// keyOf is the counter of an event with that end.
func keyOf(v *minimise.Values, end outcome.Outcome) outcomeKey {
	return outcomeKey{v.Site, v.Time.Unix() / daySeconds * daySeconds, end.String(), end.Detail()}
}

// end says whether an event may still be stored: a newer decision can have ended
// the one that it was accepted under, the person can have demanded that it be
// erased, and its own term can be over.
func (w *Writer) end(v *minimise.Values, now time.Time) outcome.Outcome {
	switch w.o.Revoked.Standing(v.ConsentID, v.Number) {
	case consent.Narrowed:
		return outcome.Narrowed
	case consent.WithdrawnWhole:
		return outcome.Withdrawn
	}
	if w.o.Revoked.Erased(v.ConsentID, v.Time) {
		return outcome.Withdrawn
	}
	if !now.Before(v.Expires) {
		return outcome.RowExpired
	}
	return outcome.Stored
}
