// Package revocation follows the withdrawals, the changes and the demands to erase
// that any node wrote to the database, so that this node obeys them too, and keeps a copy of them in a
// file, so that it obeys them while there is no database.
package revocation

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/consent"
)

// overlap is how far back each poll looks again: a row becomes visible a little
// after the moment that is written into it.
const overlap = 2 * time.Minute

// wholeEvery is how often everything is read again, whatever the cursor says:
// for a row that became visible later than that, or whose moment a database with
// a wrong clock wrote.
const wholeEvery = 24 * time.Hour

// Cursor is how far a feed has read, by the database's clock. Its zero value
// means that everything is still to be read.
type Cursor struct {
	Table uuid.UUID // of the table that was read: another one is read from its beginning
	Since time.Time // up to here, less the overlap, every row was seen
	Whole time.Time // when everything was read last
}

// Feed keeps a set of revocations up to date. It is safe for concurrent use.
type Feed struct {
	conn driver.Conn
	set  *consent.Revocations
	now  func() time.Time

	polling sync.Mutex // held by one poll

	mu     sync.Mutex // guards what follows
	cursor Cursor
	fresh  time.Time // by this node's clock
}

// New makes a feed into a set.
func New(conn driver.Conn, set *consent.Revocations, now func() time.Time) *Feed {
	return &Feed{conn: conn, set: set, now: now}
}

// Resume lets the feed go on where an earlier one stopped, whose set it has. It
// must be called before the first poll.
func (f *Feed) Resume(c Cursor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cursor = c
}

// Cursor is how far the feed has read. All of that is in the set.
func (f *Feed) Cursor() Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cursor
}

const (
	clock = `
SELECT now64(3, 'UTC'), (SELECT any(uuid) FROM system.tables WHERE database = currentDatabase() AND name = 'revocations')`
	poll = `
SELECT consent_id, lowest, time, expires_at, recorded_at
FROM revocations
WHERE recorded_at >= ? AND expires_at > now()
SETTINGS max_execution_time = 0` // the context bounds it; ten million rows take longer than most profiles allow
)

// Poll takes in what was written since the last poll. What stood in the database
// when it began is in the set when it returns without an error. Rows go into the
// set as they arrive; a poll that ends early is made again from its beginning.
func (f *Feed) Poll(ctx context.Context) error {
	f.polling.Lock()
	defer f.polling.Unlock()
	began := f.now()
	c, from, err := f.begin(ctx)
	if err != nil {
		return err
	}
	newest, err := f.read(ctx, from)
	if err != nil {
		return err
	}
	if newest.After(c.Since) {
		c.Since = newest
	}
	if c.Since.After(c.now) {
		c.Since = c.now // a clock that was put back
	}
	f.set.Forget(earlier(began, c.now)) // a clock that is wrong must not make a withdrawal forgotten
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cursor, f.fresh = c.Cursor, began
	return nil
}

// begun is a cursor at the beginning of a poll.
type begun struct {
	Cursor
	now time.Time // the database's clock
}

// begin asks the database for its clock and its table, and finds from where a
// poll must read.
func (f *Feed) begin(ctx context.Context) (c begun, from time.Time, err error) {
	beginning := time.UnixMilli(0).UTC()
	c.Cursor = f.Cursor()
	var table uuid.UUID
	if err := f.conn.QueryRow(ctx, clock).Scan(&c.now, &table); err != nil {
		return begun{}, time.Time{}, fmt.Errorf("revocation: ask the clock: %w", err)
	}
	if c.Table != table || c.Whole.Sub(c.now).Abs() >= wholeEvery {
		c.Cursor = Cursor{Table: table, Whole: c.now}
	}
	from = c.Since
	if c.now.Before(from) {
		from = c.now
	}
	if from = from.Add(-overlap); from.Before(beginning) {
		from = beginning
	}
	return c, from, nil
}

// read takes in the rows that were recorded from a moment on, one after another,
// and finds the newest.
func (f *Feed) read(ctx context.Context, from time.Time) (newest time.Time, err error) {
	rows, err := f.conn.Query(ctx, poll, from)
	if err != nil {
		return newest, fmt.Errorf("revocation: poll: %w", err)
	}
	defer rows.Close()
	var (
		v        consent.Revocation
		id       uuid.UUID
		at       time.Time
		recorded time.Time
	)
	for rows.Next() {
		if err := rows.Scan(&id, &v.Lowest, &at, &v.Expires, &recorded); err != nil {
			return newest, fmt.Errorf("revocation: read: %w", err)
		}
		if v.Erased = (time.Time{}); v.Lowest == 0 { // a demand to erase
			v.Erased = at
		}
		v.ID = consent.ID(id)
		f.set.Add(v)
		if recorded.After(newest) {
			newest = recorded
		}
	}
	if err := rows.Err(); err != nil {
		return newest, fmt.Errorf("revocation: read: %w", err)
	}
	return newest, nil
}

// Fresh is since when nothing that stood in the database can be unknown here.
func (f *Feed) Fresh() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fresh
}

// Run polls every interval until ctx ends. A failed poll is tried again at the
// next one; the first of a row of failures is logged.
func (f *Feed) Run(ctx context.Context, every time.Duration, logger *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		err := f.Poll(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			logger.Warn("revocation: the feed is away; nothing is flushed until it is back", "error", err)
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
