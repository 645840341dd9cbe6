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
	"time"

	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

// Sink makes rows and the count of drops durable before it returns.
type Sink interface {
	Append(ctx context.Context, site string, day time.Time, b batch.Batch, drops outcome.Tally) error
}

// Request is the events of one call, as they were decoded: owned values.
type Request struct {
	Site      string
	Token     string
	Signal    bool // a Global Privacy Control signal came with it
	Client    enrich.Client
	Session   validate.Session
	Events    []validate.Raw
	Malformed uint32          // events that could not even be decoded
	Refused   outcome.Outcome // why nothing of it may pass, if that is known already
	Received  time.Time
}

// Result is what became of the events of one call.
type Result struct {
	Accepted uint32 // on disk, on their way to the database
	Drops    outcome.Tally
}

// Options of a pipeline; every field is needed.
type Options struct {
	Gate     *gate.Gate
	Enricher *enrich.Enricher
	Minimise *minimise.Minimiser
	Recent   *batch.Recent
	Sink     Sink
	Started  time.Time // sessions older than this may have rows from before
}

// Pipeline runs the stages. It is safe for concurrent use.
type Pipeline struct{ o Options }

// New makes a pipeline.
func New(o Options) (*Pipeline, error) {
	if o.Gate == nil || o.Enricher == nil || o.Minimise == nil || o.Recent == nil || o.Sink == nil {
		return nil, errors.New("pipeline: gate, enricher, minimiser, memory of repeats and sink are all needed")
	}
	return &Pipeline{o: o}, nil
}

// Process gives every event of a call its outcome. When it returns without an
// error, what was accepted is on disk; with an error nothing is acknowledged.
func (p *Pipeline) Process(ctx context.Context, r Request) (Result, error) {
	var drops outcome.Tally
	drops.Add(outcome.Malformed, r.Malformed)
	rows, ids := p.rows(r, &drops)
	b, err := batch.Of(rows...)
	if err != nil {
		return Result{}, fmt.Errorf("pipeline: %w", err)
	}
	if r.Received.Add(-r.Session.Age).Before(p.o.Started) {
		b = b.NeedsReadBack()
	}
	if err := p.o.Sink.Append(ctx, r.Site, r.Received, b, drops); err != nil {
		p.o.Recent.Release(ids)
		return Result{}, fmt.Errorf("pipeline: %w", err)
	}
	return Result{Accepted: uint32(len(rows)), Drops: drops}, nil
}

// rows are the events that may be stored, and how their repeats are told.
func (p *Pipeline) rows(r Request, drops *outcome.Tally) ([]batch.Row, []batch.Identity) {
	if r.Refused != outcome.None {
		drops.Add(r.Refused, uint32(len(r.Events)))
		return nil, nil
	}
	pass, refused := p.o.Gate.Open(r.Site, r.Token, r.Signal, r.Received)
	if refused != outcome.None {
		drops.Add(refused, uint32(len(r.Events)))
		return nil, nil
	}
	rows, ids := make([]batch.Row, 0, len(r.Events)), make([]batch.Identity, 0, len(r.Events))
	for _, raw := range r.Events {
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
		rows, ids = append(rows, row), append(ids, id)
	}
	return rows, ids
}

// row is the order of the stages.
func (p *Pipeline) row(raw validate.Raw, r Request, pass gate.Pass) (batch.Row, outcome.Outcome) {
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
