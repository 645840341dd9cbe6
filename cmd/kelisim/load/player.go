package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Player plays visitors. Its methods are called one after the other: Prepare,
// Play, Verify, Report. Play and Verify can come again: the same visitors go on
// and the ledger grows; figures of time are then right for the last Play alone.
type Player struct {
	o       Options
	world   *world
	ledger  *Ledger
	workers []*worker
	since   time.Time // nothing of this run happened before
	began   time.Time // of the last Play, after the warm-up
	ended   time.Time // its last answer
	cpu     float64   // seconds of this process while it played
	before  baseline
	verdict *Verdict
	visible time.Duration // from the first call after the warm-up to the last row
}

// baseline is what stood before.
type baseline struct {
	known    bool
	events   uint64
	refusals uint64
	ended    uint64 // events dropped because their consent ended
}

// New makes a player; nothing is sent yet.
func New(o Options) (*Player, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	target, err := o.target(context.Background())
	if err != nil {
		return nil, err
	}
	world, err := newWorld(o, target)
	if err != nil {
		return nil, err
	}
	// The moment of the run is in its ids, so that a run with the same seed is
	// not a repeat of this one.
	var key [16]byte
	binary.BigEndian.PutUint64(key[:8], scatter(o.Seed))
	binary.BigEndian.PutUint64(key[8:], scatter(o.Seed+1))
	since := o.Now()
	ledger, err := newLedger(o.Policy.Site, world.names, o.Connections, key, uint64(since.UnixNano()))
	if err != nil {
		return nil, err
	}
	p := &Player{o: o, world: world, ledger: ledger, since: since.Add(-skew)}
	for i := range o.Connections {
		p.workers = append(p.workers, p.worker(i))
	}
	return p, nil
}

// skew is how far the clock of another machine may be behind.
const skew = 2 * time.Second

// worker makes the i-th worker with its part of the crowd.
func (p *Player) worker(i int) *worker {
	w := &worker{
		number: i, world: p.world, ledger: p.ledger, shard: p.ledger.shards[i],
		conn:     connection{target: p.world.target, now: p.o.Now},
		start:    []byte(`{"v":1,"site":"` + p.o.Policy.Site + `","session":{"id":"`),
		accepted: fmt.Appendf(nil, `{"accepted":%d,"dropped":{}}`, p.o.Batch),
		figures:  newFigures(),
	}
	w.rng = *rand.NewPCG(p.o.Seed, scatter(uint64(i)))
	n := (p.o.Visitors - i + p.o.Connections - 1) / p.o.Connections
	w.crowd = make([]visitor, n)
	for j := range w.crowd {
		v := &w.crowd[j]
		v.place, v.index = uint64(i+j*p.o.Connections), uint32(j)
		p.world.born(v)
		w.idle = append(w.idle, v.index)
	}
	return w
}

// each runs a part of the work in every worker and waits for all. When the
// context ends, connections are cut.
func (p *Player) each(ctx context.Context, work func(context.Context, *worker)) {
	var wg sync.WaitGroup
	for _, w := range p.workers {
		wg.Go(func() {
			stop := context.AfterFunc(ctx, w.conn.interrupt)
			defer stop()
			defer w.conn.close()
			work(ctx, w)
		})
	}
	wg.Wait()
}

// Prepare gives the consents of all who will consent, where the options want it,
// and notes what stands in the database before.
func (p *Player) Prepare(ctx context.Context) error {
	if err := p.remember(ctx); err != nil || !p.o.Prepare {
		return err
	}
	p.each(ctx, func(ctx context.Context, w *worker) { w.prepare(ctx) })
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("load: prepare: %w", err)
	}
	n, consents := 0, 0
	for _, w := range p.workers {
		consents += len(w.shard.consents)
		for i := range w.crowd {
			if w.crowd[i].kind == gives {
				n++
			}
		}
		w.figures = newFigures()
	}
	if n > 0 && consents == 0 {
		return errors.New("load: no consent could be given; does the collector answer?")
	}
	return nil
}

// remember reads what stands before the run.
func (p *Player) remember(ctx context.Context) (err error) {
	if p.o.Stored == nil || p.before.known {
		return nil
	}
	if p.before.events, err = p.o.Stored.Count(ctx, p.o.Policy.Site, p.since); err != nil {
		return err
	}
	if p.before.refusals, err = p.o.Stored.Refusals(ctx, p.o.Policy.Site); err != nil {
		return err
	}
	p.before.ended, err = p.o.Stored.Dropped(ctx, p.o.Policy.Site, reasonEnded)
	p.before.known = err == nil
	return err
}

// prepare gives the consents of a part of the crowd. Only the first visitor asks
// for the banner: the edition is known then.
func (w *worker) prepare(ctx context.Context) {
	for i := range w.crowd {
		v := &w.crowd[i]
		if v.kind != gives && v.kind != crawls {
			continue
		}
		for w.idle = w.idle[:0]; v.stage < atEvents && ctx.Err() == nil; {
			if v.stage == atBanner && w.world.knownEdition() != "" {
				v.stage = atDecision
			}
			if len(w.later) == 0 {
				v.call = call{stage: v.stage, due: w.world.o.Now(), body: v.call.body[:0]}
			}
			w.later = w.later[:0]
			w.try(ctx, v)
			if len(w.later) > 0 {
				pause(ctx, v.call.retry.Sub(w.world.o.Now()))
			}
		}
	}
	w.idle, w.later = w.idle[:0], w.later[:0]
	for i := range w.crowd {
		w.idle = append(w.idle, uint32(i))
	}
}

// Play plays for the duration of the options, or until the context ends. Calls
// without an answer are repeated beyond the duration, as long as patience lasts.
func (p *Player) Play(ctx context.Context) error {
	if err := p.remember(ctx); err != nil {
		return err
	}
	began, used := p.o.Now(), cpuSeconds()
	end := time.Time{}
	if p.o.Duration > 0 {
		end = began.Add(p.o.Duration)
	}
	p.began = began.Add(p.o.Warmup)
	for _, w := range p.workers {
		w.warmed = p.began
	}
	plan := newSchedule(began, p.o.Rate, p.o.Seed)
	watched, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { p.watch(watched, began) })
	err := p.playAll(ctx, plan, end)
	stop()
	wg.Wait()
	if err != nil {
		return err
	}
	p.cpu = cpuSeconds() - used
	for _, w := range p.workers {
		if w.last.After(p.ended) {
			p.ended = w.last
		}
	}
	if p.ended.IsZero() {
		return errors.New("load: no call was answered; does the collector run?")
	}
	return nil
}

// playAll plays with every worker.
func (p *Player) playAll(ctx context.Context, plan *schedule, end time.Time) (err error) {
	b, err := newBeat()
	if err != nil {
		return err
	}
	defer b.close()
	for _, w := range p.workers {
		w.beat = b
	}
	p.each(ctx, func(ctx context.Context, w *worker) { w.play(ctx, plan, end) })
	return nil
}

// Progress is what happened up to now.
type Progress struct {
	Since    time.Duration // the beginning of Play
	Requests uint64        // repeats and warm-up included
	Answers  uint64        // final ones
	Accepted uint64        // events
}

// watch tells each second how far it went, until the context ends.
func (p *Player) watch(ctx context.Context, began time.Time) {
	if p.o.Progress == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := Progress{Since: p.o.Now().Sub(began)}
		for _, w := range p.workers {
			now.Requests += w.requests.Load()
			now.Answers += w.answers.Load()
			now.Accepted += w.taken.Load()
		}
		p.o.Progress(now)
	}
}

// Ledger is what was acknowledged so far; it is complete between plays.
func (p *Player) Ledger() *Ledger { return p.ledger }

// Since is an instant before anything of the run happened.
func (p *Player) Since() time.Time { return p.since }

// Run prepares, plays, compares and reports. A broken law is no error: the
// report's verdict says it.
func Run(ctx context.Context, o Options) (Report, error) {
	p, err := New(o)
	if err != nil {
		return Report{}, err
	}
	if err := p.Prepare(ctx); err != nil {
		return Report{}, err
	}
	if err := p.Play(ctx); err != nil {
		return Report{}, err
	}
	if p.o.Stored != nil && !p.o.Plain {
		// The end of the context ends the playing; what was acknowledged is
		// compared all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.o.Settle+time.Minute)
		defer cancel()
		if _, err := p.Verify(ctx, p.o.Stored); err != nil {
			return p.Report(), err
		}
	}
	return p.Report(), nil
}
