// Package erasure carries out what withdrawals, narrowed choices and people's
// demands leave to be erased. The jobs stand in the database, so that they
// outlive any process; a finished job leaves a row that says how many rows went
// and when: its certificate.
//
// A job is carried out at once, and closed only when no node can still deliver
// rows that it covers: after every live node's watermark has passed the moment
// at which the job stood in the database, and with nothing left to count.
package erasure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/storage/writer"
)

// Options of an eraser.
type Options struct {
	Conn   driver.Conn // the maintenance role
	Logger *slog.Logger
	Now    func() time.Time
	Every  time.Duration // between two passes; default 2 s
	Margin time.Duration // between finding a job and the watermarks that close it; default 10 s
	Alive  time.Duration // a node that was silent for longer is gone; default 5 min
}

// Eraser works through the jobs. Two of them on one database do no harm.
type Eraser struct {
	o    Options
	done map[uuid.UUID]uint64    // rows that the passes over a job erased
	seen map[uuid.UUID]time.Time // when an open job was first found in the database

	jobs, erased, closed, failures atomic.Uint64
}

// Stats are the figures of an eraser since its start.
type Stats struct {
	Open   uint64 // jobs, at the last pass
	Erased uint64 // rows
	Closed uint64 // jobs
	Failed uint64 // passes
}

// Stats are the figures of now.
func (e *Eraser) Stats() Stats {
	return Stats{Open: e.jobs.Load(), Erased: e.erased.Load(), Closed: e.closed.Load(), Failed: e.failures.Load()}
}

// New makes an eraser.
func New(o Options) (*Eraser, error) {
	if o.Conn == nil || o.Logger == nil || o.Now == nil {
		return nil, errors.New("erasure: connection, logger and clock are all needed")
	}
	if o.Every == 0 {
		o.Every = 2 * time.Second
	}
	if o.Margin == 0 {
		o.Margin = 10 * time.Second
	}
	if o.Alive == 0 {
		o.Alive = 5 * time.Minute
	}
	return &Eraser{o: o, done: map[uuid.UUID]uint64{}, seen: map[uuid.UUID]time.Time{}}, nil
}

// Run makes a pass every interval until ctx ends.
func (e *Eraser) Run(ctx context.Context) {
	tick := time.NewTicker(e.o.Every)
	defer tick.Stop()
	failing := false
	for {
		open, err := e.Pass(ctx)
		if err == nil {
			e.jobs.Store(uint64(open))
		} else if ctx.Err() == nil {
			e.failures.Add(1)
		}
		if err != nil && !failing && ctx.Err() == nil {
			e.o.Logger.Warn("erasure: a pass failed; the jobs stand and are tried again", "error", err)
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// job is one row of the table of jobs.
type job struct {
	ID        uuid.UUID
	Site      string
	Consent   uuid.UUID
	Kind      string
	Number    uint32
	Lost      uint32
	Requested time.Time
}

const pending = `
SELECT id, any(site), any(consent_id), any(kind), any(number), any(fields_lost), min(requested_at)
FROM erasures
GROUP BY id
HAVING countIf(done_at IS NOT NULL) = 0
ORDER BY min(requested_at)`

// Pass carries out what is open and closes what can be closed; it returns how
// many jobs stay open.
func (e *Eraser) Pass(ctx context.Context) (open int, err error) {
	jobs, err := e.pending(ctx)
	if err != nil {
		return 0, err
	}
	e.look(jobs)
	if len(jobs) == 0 {
		return 0, nil
	}
	for _, c := range group(jobs) {
		if err := e.erase(ctx, c); err != nil {
			return len(jobs), err
		}
	}
	watermark, err := e.watermark(ctx)
	if err != nil {
		return len(jobs), err
	}
	ripe := slices.DeleteFunc(slices.Clone(jobs), func(j job) bool { return !watermark.After(e.seen[j.ID].Add(e.o.Margin)) })
	open = len(jobs)
	for _, c := range group(ripe) {
		closed, err := e.close(ctx, c)
		open -= closed
		if err != nil {
			return open, err
		}
	}
	return open, nil
}

// look notes when each open job was first found. A job can reach the database
// long after it was asked for; only a node that looked after that knows of it.
func (e *Eraser) look(jobs []job) {
	now, seen, done := e.o.Now(), map[uuid.UUID]time.Time{}, map[uuid.UUID]uint64{}
	for _, j := range jobs {
		seen[j.ID], done[j.ID] = now, e.done[j.ID]
		if at, ok := e.seen[j.ID]; ok {
			seen[j.ID] = at
		}
	}
	e.seen, e.done = seen, done
}

func (e *Eraser) pending(ctx context.Context) ([]job, error) {
	rows, err := e.o.Conn.Query(ctx, pending)
	if err != nil {
		return nil, fmt.Errorf("erasure: list jobs: %w", err)
	}
	defer rows.Close()
	var jobs []job
	for rows.Next() {
		var j job
		if err := rows.Scan(&j.ID, &j.Site, &j.Consent, &j.Kind, &j.Number, &j.Lost, &j.Requested); err != nil {
			return nil, fmt.Errorf("erasure: read job: %w", err)
		}
		jobs = append(jobs, j)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("erasure: list jobs: %w", err)
	}
	return jobs, nil
}

// watermark is the moment up to which no live node can still deliver anything
// that was revoked before; without a live node it is now.
func (e *Eraser) watermark(ctx context.Context) (time.Time, error) {
	now := e.o.Now()
	var (
		nodes uint64
		low   time.Time
	)
	err := e.o.Conn.QueryRow(ctx, `
SELECT count(), min(w) FROM
(SELECT node, max(watermark) AS w, max(seen_at) AS s FROM nodes GROUP BY node HAVING s > ?)`, now.Add(-e.o.Alive)).Scan(&nodes, &low)
	if err != nil {
		return time.Time{}, fmt.Errorf("erasure: watermark: %w", err)
	}
	if nodes == 0 {
		return now, nil
	}
	return low, nil
}

// erase runs one change over both tables, if there is anything to change.
func (e *Eraser) erase(ctx context.Context, c change) error {
	left, err := e.count(ctx, c)
	if err != nil || len(left) == 0 {
		return err
	}
	for _, s := range c.statements() {
		if err := e.o.Conn.Exec(ctx, s.sql+" SETTINGS mutations_sync = 2", s.args...); err != nil {
			return fmt.Errorf("erasure: %s: %w", c.kind, err)
		}
	}
	var rows uint64
	for _, j := range c.jobs {
		e.done[j.ID] += left[j.Consent]
		rows += left[j.Consent]
	}
	e.erased.Add(rows)
	e.o.Logger.Info("erasure: rows erased", "kind", c.kind, "rows", rows, "consents", len(left))
	return nil
}

// count says of how many consents something is left, and how much.
func (e *Eraser) count(ctx context.Context, c change) (map[uuid.UUID]uint64, error) {
	left := map[uuid.UUID]uint64{}
	for _, q := range c.counts() {
		rows, err := e.o.Conn.Query(ctx, q.sql, q.args...)
		if err != nil {
			return nil, fmt.Errorf("erasure: count: %w", err)
		}
		for rows.Next() {
			var (
				id uuid.UUID
				n  uint64
			)
			if err := rows.Scan(&id, &n); err != nil {
				return nil, errors.Join(fmt.Errorf("erasure: count: %w", err), rows.Close())
			}
			left[id] += n
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, fmt.Errorf("erasure: count: %w", err)
		}
	}
	return left, nil
}

// close writes the certificates of the jobs of a change of which nothing is left;
// it says how many.
func (e *Eraser) close(ctx context.Context, c change) (int, error) {
	left, err := e.count(ctx, c)
	if err != nil {
		return 0, err
	}
	b, err := e.o.Conn.PrepareBatch(ctx, "INSERT INTO erasures (id, site, consent_id, kind, number, fields_lost, requested_at, done_at, rows, expires_at)")
	if err != nil {
		return 0, fmt.Errorf("erasure: certificate: %w", err)
	}
	defer b.Close()
	now, closed := e.o.Now(), 0
	for _, j := range c.jobs {
		if left[j.Consent] > 0 {
			continue
		}
		closed++
		err := b.Append(j.ID, j.Site, j.Consent, j.Kind, j.Number, j.Lost, j.Requested, &now, e.done[j.ID], j.Requested.Add(writer.JobTerm))
		if err != nil {
			return 0, fmt.Errorf("erasure: certificate: %w", err)
		}
	}
	if closed == 0 {
		return 0, nil
	}
	if err := b.Send(); err != nil {
		return 0, fmt.Errorf("erasure: certificate: %w", err)
	}
	e.closed.Add(uint64(closed))
	return closed, nil
}
