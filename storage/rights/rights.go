// Package rights answers a person's question of what is held about them. It
// reads as the role that may see single rows, and only those of one consent.
package rights

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/consent"
)

// Decision is one line of the history of a person's choices.
type Decision struct {
	Number uint32
	State  consent.State
	Items  []string
	Time   time.Time
	Until  time.Time // end of the consent
	Kept   time.Time // end of the proof's own term
}

// Held is what is held about one consent.
type Held struct {
	Rows      uint64 // events of all kinds
	Pageviews uint64
	Networks  uint64 // rows with the network of an address
	First     time.Time
	Last      time.Time
	Decisions []Decision // in their order
}

// Reader reads what is held.
type Reader struct{ conn driver.Conn }

// New makes a reader on the rights role.
func New(conn driver.Conn) *Reader { return &Reader{conn: conn} }

const held = `
SELECT count(), countIf(name = 'pageview'), countIf(ip != toIPv6('::')), min(time), max(time)
FROM events_full WHERE site = ? AND consent_id = ?`

const decisions = `
SELECT number, any(state), any(items), min(time), any(expires_at), any(keep_until)
FROM consents WHERE site = ? AND consent_id = ? GROUP BY number ORDER BY number`

// Held finds what is held about a consent on a site.
func (r *Reader) Held(ctx context.Context, site string, id consent.ID) (Held, error) {
	var h Held
	row := r.conn.QueryRow(ctx, held, site, uuid.UUID(id).String())
	if err := row.Scan(&h.Rows, &h.Pageviews, &h.Networks, &h.First, &h.Last); err != nil {
		return Held{}, fmt.Errorf("rights: what is held: %w", err)
	}
	rows, err := r.conn.Query(ctx, decisions, site, uuid.UUID(id).String())
	if err != nil {
		return Held{}, fmt.Errorf("rights: history of choices: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			d     Decision
			state string
		)
		if err := rows.Scan(&d.Number, &state, &d.Items, &d.Time, &d.Until, &d.Kept); err != nil {
			return Held{}, fmt.Errorf("rights: history of choices: %w", err)
		}
		d.State = consent.State(state)
		h.Decisions = append(h.Decisions, d)
	}
	if err := rows.Err(); err != nil {
		return Held{}, fmt.Errorf("rights: history of choices: %w", err)
	}
	return h, nil
}
