// Package pipeline is the way of an event from the wire to the spool:
//
//	validate → gate → enrich → minimise → batch
//
// Each stage takes only what the stage before it minted, so an event that no
// consent covers cannot be typed into storage.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

// Sink makes rows and the count of drops durable before it returns. It keeps nothing
// of the batch: the memory of its rows is used again.
type Sink interface {
	Append(ctx context.Context, site string, day time.Time, b batch.Batch, drops outcome.Tally) error
}

// Events is what a call holds. An event is read when the gate is open for its
// call and not before: of any other only the number counts.
type Events interface {
	Len() int
	Read(i int) (e validate.Raw, ok bool) // ok is false for one that is malformed
}

// Decoded is events that are read already.
type Decoded []validate.Raw

// Len counts the events.
func (d Decoded) Len() int { return len(d) }

// Read is one of them.
func (d Decoded) Read(i int) (validate.Raw, bool) { return d[i], true }

// Request is one call. Its texts may lie in buffers of the request: nothing keeps
// them longer than Process runs.
type Request struct {
	Site     string
	Token    string
	Signal   bool // a Global Privacy Control signal came with it
	Client   enrich.Client
	Session  validate.Session
	Events   Events
	Again    bool            // the browser repeats a call that it has no answer for
	Refused  outcome.Outcome // why nothing of it may pass, if that is known already
	Received time.Time
}

// Result is what became of the events of one call.
type Result struct {
	Accepted uint32 // in the spool, on their way to the database
	Drops    outcome.Tally
}

// Options of a pipeline; every field is needed.
type Options struct {
	Gate     *gate.Gate
	Enricher *enrich.Enricher
	Minimise *minimise.Minimiser
	Recent   *batch.Recent
	Sink     Sink
	Started  time.Time // of the process: rows of older sessions may stand already
}

// settled is how long after its start a process looks for rows that an earlier one
// may have stored. A browser whose call it did not answer says so when it repeats
// it; only one that was on its way meanwhile does not.
const settled = 2 * time.Minute

// Pipeline runs the stages. It is safe for concurrent use.
type Pipeline struct {
	o     Options
	taken sync.Pool
}

// taken is what is accepted of one call: rows, and how their repeats are told.
type taken struct {
	rows []batch.Row
	ids  []batch.Identity
}

// forget makes it ready for another call.
func (t *taken) forget() {
	clear(t.rows)
	t.rows, t.ids = t.rows[:0], t.ids[:0]
}

// New makes a pipeline.
func New(o Options) (*Pipeline, error) {
	if o.Gate == nil || o.Enricher == nil || o.Minimise == nil || o.Recent == nil || o.Sink == nil {
		return nil, errors.New("pipeline: gate, enricher, minimiser, memory of repeats and sink are all needed")
	}
	return &Pipeline{o: o, taken: sync.Pool{New: func() any { return new(taken) }}}, nil
}

// Process gives every event of a call its outcome. When it returns without an
// error, what was accepted is in the spool; with an error nothing is acknowledged.
func (p *Pipeline) Process(ctx context.Context, r Request) (Result, error) {
	var drops outcome.Tally
	t := p.taken.Get().(*taken)
	defer p.taken.Put(t)
	defer t.forget()
	p.take(&r, t, &drops)
	b, err := batch.Of(t.rows...)
	if err != nil {
		return Result{}, fmt.Errorf("pipeline: %w", err)
	}
	if p.mayStand(&r) {
		b = b.NeedsReadBack()
	}
	if err := p.o.Sink.Append(ctx, r.Site, r.Received, b, drops); err != nil {
		p.o.Recent.Release(t.ids)
		return Result{}, fmt.Errorf("pipeline: %w", err)
	}
	return Result{Accepted: uint32(len(t.rows)), Drops: drops}, nil
}

// mayStand reports whether events of a call could have been stored before and be
// known to no memory of this process.
func (p *Pipeline) mayStand(r *Request) bool {
	older := r.Received.Add(-r.Session.Age).Before(p.o.Started)
	return r.Again || older && r.Received.Before(p.o.Started.Add(settled))
}

// take takes the events that may be stored, and counts the others.
func (p *Pipeline) take(r *Request, t *taken, drops *outcome.Tally) {
	n := r.Events.Len()
	if r.Refused != outcome.None {
		drops.Add(r.Refused, uint32(n))
		return
	}
	pass, refused := p.o.Gate.Open(r.Site, r.Token, r.Signal, r.Received)
	if refused != outcome.None {
		drops.Add(refused, uint32(n))
		return
	}
	for i := range n {
		raw, ok := r.Events.Read(i)
		if !ok {
			drops.Add(outcome.Malformed, 1)
			continue
		}
		row, dropped := p.row(raw, r, pass)
		if dropped != outcome.None {
			drops.Add(dropped, 1)
			continue
		}
		id, new := p.o.Recent.Take(row, r.Session.ID)
		if !new {
			drops.Add(outcome.Duplicate, 1)
			continue
		}
		t.rows, t.ids = append(t.rows, row), append(t.ids, id)
	}
}

// row is the order of the stages.
func (p *Pipeline) row(raw validate.Raw, r *Request, pass gate.Pass) (batch.Row, outcome.Outcome) {
	event, dropped := validate.Of(raw, r.Session, r.Received)
	if dropped != outcome.None {
		return batch.Row{}, dropped
	}
	permitted, dropped := pass.Admit(event)
	if dropped != outcome.None {
		return batch.Row{}, dropped
	}
	facts, dropped := p.o.Enricher.Facts(permitted, r.Client)
	if dropped != outcome.None {
		return batch.Row{}, dropped
	}
	reduced, dropped := p.o.Minimise.Reduce(permitted, facts, r.Received)
	if dropped != outcome.None {
		return batch.Row{}, dropped
	}
	row, err := batch.RowOf(reduced)
	if err != nil {
		return batch.Row{}, outcome.Malformed
	}
	return row, outcome.None
}
