// Package journal writes what must not be lost into the spool: decisions with
// what they revoke, refusals, accepted events, and the counters. Its entries are
// what storage/writer reads back and puts into the database.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"kelisim/consent"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
)

// Decided is a decision with its consequences.
type Decided struct {
	Record consent.Record
	Lowest uint32         // lowest valid number from now on; 0 = nothing is revoked
	Spares bool           // what was accepted under the older numbers may still be stored
	Lost   consent.Fields // fields whose stored values must go
}

// Erasure is a person's demand to erase what was collected about them so far.
// Their consent stands.
type Erasure struct {
	Site string
	ID   consent.ID
	At   time.Time
}

// Job names the erasure job that the demand becomes: the number of the request.
func (e Erasure) Job() uuid.UUID { return JobID(e.ID, 0, e.At) }

// JobID names an erasure job. It is the same for the same demand, so that a
// repeat is recognised.
func JobID(id consent.ID, number uint32, at time.Time) uuid.UUID {
	return uuid.NewSHA1(uuid.UUID(id), fmt.Appendf(nil, "%d %d", number, at.UnixMilli()))
}

// demandTerm is how long a demand is remembered: longer than anything that was
// collected before it waits on its way into the database.
const demandTerm = 35 * 24 * time.Hour

// Revocation is what keeps events of before the demand out of the database, for a
// term that begins now.
func (e Erasure) Revocation(now time.Time) consent.Revocation {
	return consent.Revocation{Site: e.Site, ID: e.ID, At: e.At, Erased: e.At, Expires: now.Add(demandTerm)}
}

// CountKey names a counter of the banner. It holds no identifier.
type CountKey struct {
	Site    string
	Edition string // hexadecimal
	Lang    string
	Variant string
	Hour    time.Time
	Kind    string // CountShown or CountRefused
}

// Kinds of banner counters.
const (
	CountShown   = "shown"
	CountRefused = "refused"
)

// Count is a banner counter with its value.
type Count struct {
	CountKey
	N uint64
}

// Journal appends to a spool. It is safe for concurrent use.
type Journal struct {
	spool   *spool.Spool
	logger  *slog.Logger
	buffers sync.Pool

	mu    sync.Mutex
	shown map[CountKey]uint64
	late  map[outcomeKey]uint64
}

type outcomeKey struct {
	site    string
	outcome outcome.Outcome
	day     time.Time
}

// New makes a journal on an open spool.
func New(s *spool.Spool, logger *slog.Logger) (*Journal, error) {
	if s == nil || logger == nil {
		return nil, errors.New("journal: a spool and a logger are needed")
	}
	return &Journal{
		spool: s, logger: logger, shown: map[CountKey]uint64{}, late: map[outcomeKey]uint64{},
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}, nil
}

// Decide makes a decision durable.
func (j *Journal) Decide(ctx context.Context, d Decided) error {
	return j.append(ctx, spool.Decision, d)
}

// Erase makes a demand for erasure durable.
func (j *Journal) Erase(ctx context.Context, e Erasure) error {
	return j.append(ctx, spool.Erasure, e)
}

// Revoked reads the revocations and the demands that still lie in a spool, so that
// a node obeys its own from the start, also without the database.
func Revoked(ctx context.Context, s *spool.Spool, add func(consent.Revocation)) error {
	look, cancel := context.WithCancel(ctx)
	cancel()
	for at := s.Checkpoint(); ; {
		frames, next, err := s.Read(look, at, readBytes)
		if err != nil {
			return fmt.Errorf("journal: read withdrawals: %w", err)
		}
		if len(frames) == 0 {
			return nil
		}
		for _, f := range frames {
			revokes(f, add)
		}
		at = next
	}
}

// revokes takes what one frame revokes. What cannot be read the writer names.
func revokes(f spool.Frame, add func(consent.Revocation)) {
	switch f.Kind() {
	case spool.Decision:
		var d Decided
		if json.Unmarshal(f.Payload(), &d) == nil && d.Lowest > 0 {
			add(d.Revocation())
		}
	case spool.Erasure:
		var e Erasure
		if json.Unmarshal(f.Payload(), &e) == nil {
			add(e.Revocation(e.At))
		}
	}
}

// readBytes is how much of a spool is read at once.
const readBytes = 4 << 20

// tokenMonths after the month of a decision, every token of an older one is dead:
// none lives longer than twelve, and a node's clock may be ahead of another's.
const tokenMonths = 13

// Revocation is what the decision revokes. It ends on the first of a month, as
// the tokens do.
func (d Decided) Revocation() consent.Revocation {
	y, m, _ := d.Record.Time.UTC().Date()
	return consent.Revocation{
		Site: d.Record.Site, ID: d.Record.ID, Lowest: d.Lowest, At: d.Record.Time,
		Expires: time.Date(y, m+tokenMonths, 1, 0, 0, 0, 0, time.UTC), Spares: d.Spares,
	}
}

// Refuse makes a refusal durable: a counter, and nothing about anybody.
func (j *Journal) Refuse(ctx context.Context, key CountKey) error {
	key.Kind, key.Hour = CountRefused, key.Hour.UTC().Truncate(time.Hour)
	return j.append(ctx, spool.Counts, []Count{{CountKey: key, N: 1}})
}

// Show counts a banner that was shown. It is written with the next Flush.
func (j *Journal) Show(key CountKey) {
	key.Kind, key.Hour = CountShown, key.Hour.UTC().Truncate(time.Hour)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.shown[key]++
}

// Append makes events and the count of drops durable, together.
func (j *Journal) Append(ctx context.Context, site string, day time.Time, b batch.Batch, drops outcome.Tally) error {
	buf := j.buffers.Get().(*[]byte)
	defer func() {
		*buf = (*buf)[:0]
		j.buffers.Put(buf)
	}()
	var entries [2]spool.Entry
	n := 0
	if b.Len() > 0 {
		*buf = b.Append(*buf)
		entries[n] = spool.Entry{Kind: spool.Events, Payload: *buf}
		n++
	}
	if drops.Total() > 0 {
		end := len(*buf)
		*buf = appendTally(*buf, site, day, drops)
		entries[0].Payload = (*buf)[:end] // it may have moved
		entries[n] = spool.Entry{Kind: spool.Outcomes, Payload: (*buf)[end:]}
		n++
	}
	if n == 0 {
		return nil
	}
	if err := j.spool.Append(ctx, entries[:n]...); err != nil {
		j.Drop(site, day, outcome.Full, b.Len()+int(drops.Total()))
		return fmt.Errorf("journal: append: %w", err)
	}
	return nil
}

// Drop counts events that were not acknowledged: they found no room, or came too
// fast. It is written with the next Flush, so that a flood costs no disk.
func (j *Journal) Drop(site string, day time.Time, o outcome.Outcome, n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.late[outcomeKey{site: site, outcome: o, day: day.UTC().Truncate(24 * time.Hour)}] += uint64(n)
}

// Flush writes the counters that were gathered in memory. What may not be on disk
// was appended all the same: it is read back, and must not be counted again.
func (j *Journal) Flush(ctx context.Context) error {
	j.mu.Lock()
	shown, late := j.shown, j.late
	j.shown, j.late = map[CountKey]uint64{}, map[outcomeKey]uint64{}
	j.mu.Unlock()
	var counts []Count
	for key, n := range shown {
		counts = append(counts, Count{CountKey: key, N: n})
	}
	var ended []Outcome
	for key, n := range late {
		ended = append(ended, Outcome{Site: key.site, Day: key.day, Outcome: key.outcome.String(), Detail: key.outcome.Detail(), N: n})
	}
	var err error
	if len(counts) > 0 {
		err = j.append(ctx, spool.Counts, counts)
	}
	if err == nil || errors.Is(err, spool.ErrDoubt) {
		shown = nil
	}
	if err == nil && len(ended) > 0 {
		err = j.spool.Append(ctx, spool.Entry{Kind: spool.Outcomes, Payload: EncodeOutcomes(ended)})
		if errors.Is(err, spool.ErrDoubt) {
			late = nil
		}
	}
	if err == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for key, n := range shown {
		j.shown[key] += n
	}
	for key, n := range late {
		j.late[key] += n
	}
	return err
}

// Run flushes every interval until ctx ends, and once more then.
func (j *Journal) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := j.Flush(ctx); err != nil && ctx.Err() == nil {
				j.logger.Warn("journal: counters wait in memory", "error", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := j.Flush(last); err != nil {
				j.logger.Warn("journal: counters of the last second are lost", "error", err)
			}
			return
		}
	}
}

func (j *Journal) append(ctx context.Context, kind spool.Kind, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("journal: encode: %w", err)
	}
	if err := j.spool.Append(ctx, spool.Entry{Kind: kind, Payload: payload}); err != nil {
		return fmt.Errorf("journal: append: %w", err)
	}
	return nil
}
