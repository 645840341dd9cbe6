// Package revocation follows the withdrawals and changes that any node wrote to
// the database, so that this node obeys them too.
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

// Feed keeps a set of revocations up to date. It is safe for concurrent use.
type Feed struct {
	conn driver.Conn
	set  *consent.Revocations
	now  func() time.Time

	mu    sync.Mutex // held while polling
	since time.Time  // by the database's clock
	fresh time.Time  // by this node's clock
}

// New makes a feed into a set.
func New(conn driver.Conn, set *consent.Revocations, now func() time.Time) *Feed {
	return &Feed{conn: conn, set: set, now: now}
}

const poll = `
SELECT site, consent_id, lowest, time, expires_at, recorded_at
FROM revocations
WHERE recorded_at >= ? AND expires_at > now()
ORDER BY recorded_at`

// Poll takes in what was written since the last poll. What stood in the database
// when it began is in the set when it returns.
func (f *Feed) Poll(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	began := f.now()
	since := time.UnixMilli(0).UTC()
	if !f.since.IsZero() {
		since = f.since.Add(-overlap)
	}
	rows, err := f.conn.Query(ctx, poll, since)
	if err != nil {
		return fmt.Errorf("revocation: poll: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			v        consent.Revocation
			id       uuid.UUID
			recorded time.Time
		)
		if err := rows.Scan(&v.Site, &id, &v.Lowest, &v.At, &v.Expires, &recorded); err != nil {
			return fmt.Errorf("revocation: read: %w", err)
		}
		v.ID = consent.ID(id)
		f.set.Add(v)
		if recorded.After(f.since) {
			f.since = recorded
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("revocation: read: %w", err)
	}
	f.fresh = began
	f.set.Forget(began)
	return nil
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
