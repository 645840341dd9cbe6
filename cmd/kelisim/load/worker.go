package load

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// worker is one connection with its part of the crowd. It plays in one goroutine,
// which ends when the time is up and nothing waits to be repeated, or with the
// context.
type worker struct {
	number int
	world  *world
	ledger *Ledger
	shard  *shard
	conn   connection
	crowd  []visitor
	idle   []uint32 // places without a call under way
	later  []uint32 // places whose call waits to be repeated
	keys   uint32   // keys of decisions that were used
	rng    rand.PCG // chooses who is next
	beat   *beat
	figures

	start       []byte // of a body of events, up to the session's id
	body, bytes []byte
	accepted    []byte // the usual answer to events
}

// Repeats.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = time.Second
	mostRetry  = 30 * time.Second // a longer Retry-After is not believed
)

// play makes the calls of a part of the crowd until the end.
func (w *worker) play(ctx context.Context, plan *schedule, end time.Time) {
	var due time.Time // taken from the schedule, not yet called
	over := false
	for ctx.Err() == nil {
		now := w.world.o.Now()
		over = over || !end.IsZero() && !now.Before(end)
		v, soonest := w.waiting(now)
		switch {
		case v != nil:
			w.try(ctx, v)
			continue
		case over && len(w.later) == 0:
			return
		case over || len(w.idle) == 0:
			w.pause(ctx, soonest.Sub(now))
			continue
		}
		if due.IsZero() {
			due = plan.take(now)
		}
		if !end.IsZero() && !due.Before(end) {
			over = true
			continue
		}
		if wait := due.Sub(now); wait > 0 {
			if !soonest.IsZero() {
				wait = min(wait, soonest.Sub(now))
			}
			w.pause(ctx, wait)
			continue
		}
		v = w.pick()
		v.call = call{stage: v.stage, due: due, body: v.call.body[:0]}
		due = time.Time{}
		w.try(ctx, v)
	}
}

// pick takes one of those who have nothing under way.
func (w *worker) pick() *visitor {
	i := int(w.rng.Uint64() % uint64(len(w.idle)))
	place := w.idle[i]
	w.idle[i] = w.idle[len(w.idle)-1]
	w.idle = w.idle[:len(w.idle)-1]
	return &w.crowd[place]
}

// waiting finds a call that is to be repeated now, or when the next one is.
func (w *worker) waiting(now time.Time) (v *visitor, soonest time.Time) {
	for i, place := range w.later {
		v := &w.crowd[place]
		if !v.call.retry.After(now) {
			w.later[i] = w.later[len(w.later)-1]
			w.later = w.later[:len(w.later)-1]
			return v, now
		}
		if soonest.IsZero() || v.call.retry.Before(soonest) {
			soonest = v.call.retry
		}
	}
	return nil, soonest
}

// pause waits for a time or the end of the context.
func (w *worker) pause(ctx context.Context, d time.Duration) {
	const short = 50 * time.Millisecond // how long the end of the context may go unseen
	if d > short {
		pause(ctx, d-short/2)
		return // the caller looks at the clock, and comes again for the rest
	}
	if d > 0 {
		w.beat.wait(d)
	}
}

// pause waits for a time or the end of the context.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// try makes a call, for the first time or again.
func (w *worker) try(ctx context.Context, v *visitor) {
	c := &v.call
	request := w.request(v, w.world.o.Now())
	if c.stage == atEvents && !c.again {
		w.shard.set(c.from, c.to, sent)
	}
	c.tries++
	w.requests.Add(1)
	a, reached, err := w.conn.exchange(ctx, request)
	now := w.world.o.Now()
	switch {
	case err != nil:
		if reached {
			c.again = true
		} else if c.stage == atEvents && !c.again {
			w.shard.set(c.from, c.to, planned)
		}
		w.cut++
		w.repeat(v, now, 0)
	case a.status == http.StatusServiceUnavailable, a.status == http.StatusTooManyRequests, a.status == http.StatusBadGateway, a.status == http.StatusGatewayTimeout:
		w.refused(a.status)
		if a.status > http.StatusServiceUnavailable || a.status == http.StatusBadGateway {
			c.again = true // a proxy speaks: nobody knows what the collector did
		}
		w.repeat(v, now, a.retry)
	default:
		w.took(c, now)
		w.finish(v, &a, now)
		w.free(v)
	}
}

// repeat puts a call off, or gives it up after a long time.
func (w *worker) repeat(v *visitor, now time.Time, after time.Duration) {
	c := &v.call
	if now.Sub(c.due) > w.world.o.Patience && c.tries > 1 {
		w.givenUp++
		if c.stage != atEvents && c.again {
			w.shard.judge(v.last, narrowed) // nobody knows whether it was obeyed
		}
		v.stage = atEnd
		w.free(v)
		return
	}
	if c.tries == 1 {
		c.body = append(c.body[:0], w.body...)
	}
	w.repeats++
	wait := min(firstPause<<min(c.tries-1, 6), mostPause)
	if after > 0 {
		wait = min(after, mostRetry)
	}
	c.retry = now.Add(wait)
	w.later = append(w.later, v.index)
}

// free gives the visitor back to the crowd, or lets the next one come.
func (w *worker) free(v *visitor) {
	if v.stage == atEnd {
		v.turn++
		w.world.born(v)
	}
	w.idle = append(w.idle, v.index)
}

// finish takes in an answer that is final.
func (w *worker) finish(v *visitor, a *answer, now time.Time) {
	c := &v.call
	if a.status >= 300 {
		w.refused(a.status)
		if c.stage == atEvents {
			w.shard.set(c.from, c.to, dropped)
			w.after(v)
			return
		}
		v.stage = atEnd
		return
	}
	switch c.stage {
	case atBanner:
		w.world.learn(a.body)
	case atEvents:
		w.counted(v, a.body)
	default:
		w.decided(v, a)
	}
	w.after(v)
}

// learn takes the edition out of a banner.
func (w *world) learn(body []byte) {
	if known := w.edition.Load(); known != nil && bytes.Contains(body, []byte(*known)) {
		return
	}
	var b struct {
		Edition string `json:"edition"`
	}
	if json.Unmarshal(body, &b) == nil && b.Edition != "" {
		w.edition.Store(&b.Edition)
	}
}

func (w *world) knownEdition() string {
	if e := w.edition.Load(); e != nil {
		return *e
	}
	return ""
}

// counted takes in what became of the events of a call.
func (w *worker) counted(v *visitor, body []byte) {
	c := &v.call
	n := w.shard.rest(c.from, c.to)
	if bytes.Equal(body, w.accepted) || w.world.o.Plain && len(body) == 0 {
		w.shard.set(c.from, c.to, acked)
		w.gained(c, uint64(n), uint64(n))
		return
	}
	var a struct {
		Accepted uint32            `json:"accepted"`
		Dropped  map[string]uint32 `json:"dropped"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		w.strange++
		return
	}
	for reason, m := range a.Dropped {
		w.drops[reason] += uint64(m)
	}
	w.gained(c, uint64(n), uint64(a.Accepted))
	known := uint32(0)
	if c.tries > 1 { // taken at an earlier try, and the answer was lost
		known = a.Dropped["duplicate"]
	}
	switch {
	case a.Accepted+known == n:
		w.shard.set(c.from, c.to, acked)
	case a.Accepted+known == 0:
		w.shard.set(c.from, c.to, dropped)
	default:
		w.shard.partials = append(w.shard.partials, partial{c.from, c.to, a.Accepted + known})
	}
}

// decided takes in the answer to a decision.
func (w *worker) decided(v *visitor, a *answer) {
	c := &v.call
	v.put(a.cookies)
	v.head = w.world.head(v.head[:0], v, "POST", "/v1/events")
	if v.kind == refuses {
		w.shard.refusals++
		return
	}
	var body struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil {
		w.strange++
	}
	id, err := uuid.Parse(body.ID)
	switch {
	case err != nil && c.stage != atWithdrawal:
		w.strange++
	case err == nil && (v.consent == none || w.shard.consents[v.consent].id != id):
		// After a crash, a repeat of a change can get a consent of its own.
		w.shard.judge(v.last, narrowed)
		w.shard.consents = append(w.shard.consents, given{id: id, decisions: 1})
		v.consent, v.last = uint32(len(w.shard.consents)-1), none
	default:
		w.shard.consents[v.consent].decisions++
	}
	switch {
	case c.stage == atWithdrawal:
		w.shard.judge(v.last, withdrawn)
	case c.stage == atChange && !v.part:
		w.shard.judge(v.last, narrowed)
	}
	if c.stage == atChange {
		v.part = !v.part
	}
}
