// Package readback reads what stands in the base tables by its identity alone,
// so that somebody who knows what was acknowledged can compare. It reads no
// view: what expired and is not yet gone counts too.
package readback

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// Reader reads identities with a role that may read the base tables:
// maintenance.
type Reader struct{ conn driver.Conn }

// New makes a reader of a connection that stays the caller's.
func New(conn driver.Conn) (*Reader, error) {
	if conn == nil {
		return nil, errors.New("readback: a connection is needed")
	}
	return &Reader{conn}, nil
}

// Events tells of every event of a site that happened at an instant or later:
// its session, its number in it, and where its name stands in names, from 1; 0
// for a name that is not there.
func (r *Reader) Events(ctx context.Context, site string, since time.Time, names []string,
	each func(session [16]byte, seq uint32, name uint8),
) error {
	rows, err := r.conn.Query(ctx, "SELECT session_id, seq, toUInt8(indexOf(?, toString(name))) FROM events"+
		" WHERE site = ? AND time >= fromUnixTimestamp64Milli(?)", names, site, since.UnixMilli())
	if err != nil {
		return fmt.Errorf("readback: events: %w", err)
	}
	defer rows.Close()
	var (
		session uuid.UUID
		seq     uint32
		name    uint8
	)
	for rows.Next() {
		if err := rows.Scan(&session, &seq, &name); err != nil {
			return fmt.Errorf("readback: events: %w", err)
		}
		each(session, seq, name)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("readback: events: %w", err)
	}
	return nil
}

// Decisions tells of every consent of a site with a decision made at an instant
// or later: how many rows it has, and how many different decisions.
func (r *Reader) Decisions(ctx context.Context, site string, since time.Time,
	each func(consent [16]byte, rows, decisions uint64),
) error {
	rows, err := r.conn.Query(ctx, "SELECT consent_id, count(), uniqExact(number) FROM consents"+
		" WHERE site = ? AND time >= fromUnixTimestamp64Milli(?) GROUP BY consent_id", site, since.UnixMilli())
	if err != nil {
		return fmt.Errorf("readback: decisions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			id               uuid.UUID
			stand, decisions uint64
		)
		if err := rows.Scan(&id, &stand, &decisions); err != nil {
			return fmt.Errorf("readback: decisions: %w", err)
		}
		each(id, stand, decisions)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("readback: decisions: %w", err)
	}
	return nil
}

// Count is how many events of a site stand that happened at an instant or later.
func (r *Reader) Count(ctx context.Context, site string, since time.Time) (n uint64, err error) {
	err = r.conn.QueryRow(ctx, "SELECT count() FROM events WHERE site = ? AND time >= fromUnixTimestamp64Milli(?)",
		site, since.UnixMilli()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("readback: count: %w", err)
	}
	return n, nil
}

// Refusals is how many refusals of a site were ever counted.
func (r *Reader) Refusals(ctx context.Context, site string) (n uint64, err error) {
	err = r.conn.QueryRow(ctx, "SELECT sum(n) FROM banner_counts WHERE site = ? AND kind = 'refused'", site).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("readback: refusals: %w", err)
	}
	return n, nil
}

// Dropped is how many events of a site were ever dropped for a reason.
func (r *Reader) Dropped(ctx context.Context, site, reason string) (n uint64, err error) {
	err = r.conn.QueryRow(ctx, "SELECT sum(n) FROM outcomes WHERE site = ? AND outcome = ?", site, reason).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("readback: outcomes: %w", err)
	}
	return n, nil
}
