package load

import (
	"context"
	"time"
)

// Polling of the database after a run.
const (
	pollEvery = 100 * time.Millisecond
	stillFor  = 1500 * time.Millisecond // rows that do not grow in number for so long are all there
)

// Verify waits until the rows have appeared and compares them with what was
// acknowledged. While something seems to be wrong, or the database is away, it
// looks again, for as long as the options let rows take: what was withdrawn is
// erased a little later.
func (p *Player) Verify(ctx context.Context, stored Stored) (Verdict, error) {
	limit := p.o.Now().Add(p.o.Settle)
	grown, err := p.settle(ctx, stored, limit)
	if err != nil {
		return Verdict{}, err
	}
	p.visible = max(grown.Sub(p.began), p.ended.Sub(p.began))
	for {
		v, err := p.ledger.Check(ctx, stored, p.since)
		if err == nil {
			err = p.counters(ctx, stored, &v)
		}
		over := p.o.Now().After(limit)
		switch {
		case ctx.Err() != nil:
			return v, ctx.Err()
		case err != nil && over:
			return v, err
		case err == nil && (over || !v.Broken()):
			p.verdict = &v
			return v, nil
		}
		pause(ctx, time.Second)
	}
}

// settle waits until as many rows stand as must, and no more come; it returns
// when the last one came.
func (p *Player) settle(ctx context.Context, stored Stored, limit time.Time) (grown time.Time, err error) {
	want, most := p.before.events+p.ledger.expected(), uint64(0)
	for {
		began := p.o.Now()
		n, err := stored.Count(ctx, p.o.Policy.Site, p.since)
		now := p.o.Now()
		if err == nil && (n > most || grown.IsZero()) {
			most, grown = n, now
		}
		switch {
		case ctx.Err() != nil:
			return grown, ctx.Err()
		case now.After(limit):
			return grown, err
		case err == nil && n >= want && now.Sub(grown) > stillFor:
			return grown, nil
		}
		pause(ctx, max(pollEvery, 3*now.Sub(began)))
	}
}

// reasonEnded is why an event is dropped whose consent ended before it was
// written.
const reasonEnded = "withdrawn"

// counters compares the counters of the database with what they must have grown
// by: refusals, and the events that were dropped for a narrowed choice. An event
// that is gone and that no counter names is lost.
func (p *Player) counters(ctx context.Context, stored Stored, v *Verdict) error {
	if !p.before.known {
		return nil
	}
	n, err := stored.Refusals(ctx, p.o.Policy.Site)
	if err != nil {
		return err
	}
	v.RefusalsCounted = n - min(n, p.before.refusals)
	v.RefusalsLost = v.Refusals - min(v.Refusals, v.RefusalsCounted)
	if n, err = stored.Dropped(ctx, p.o.Policy.Site, reasonEnded); err != nil {
		return err
	}
	counted := n - min(n, p.before.ended)
	for _, w := range p.workers {
		counted -= min(counted, w.drops[reasonEnded]) // these were answered so
	}
	unexplained := v.Ended - min(v.Ended, counted)
	v.Ended -= unexplained
	v.Lost += unexplained
	return nil
}
