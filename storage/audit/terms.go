package audit

import (
	"context"
	"fmt"
	"time"
)

// term is a table with the column that says when a row must be gone, or what of it
// the condition tells is still there.
type term struct{ table, column, left string }

// terms lists every table whose rows have a term.
func terms() []term {
	return []term{
		{"events", "expires_at", "true"}, {"events", "ip_expires_at", "expires_at > fromUnixTimestamp64Milli(@gone) AND " + networked},
		{"addresses", "expires_at", "true"}, {"consents", "keep_until", "true"}, {"consent_payloads", "keep_until", "true"},
		{"revocations", "expires_at", "true"}, {"erasures", "expires_at", "true"}, {"banner_counts", "expires_at", "true"},
		{"outcomes", "expires_at", "true"}, {"nodes", "expires_at", "true"},
	}
}

// networked is whether the network of an address stands in an event.
const networked = "ip != toIPv6('::')"

// gone is how long after its term a row may lie on the disk at the longest.
const gone = 24 * time.Hour

func (r *run) goneArg() any { return named("gone", r.moment.now.Add(-gone).UnixMilli()) }

// overdue looks for rows that lie in the database a day after their term. Of
// those that a view even shows it is said there.
func (r *run) overdue(ctx context.Context) error {
	for _, t := range terms() {
		where := fmt.Sprintf("FROM %s WHERE %s <= fromUnixTimestamp64Milli(@gone) AND %s", t.table, t.column, t.left)
		n, err := r.number(ctx, r.o.Conn, "SELECT count() "+where, r.goneArg())
		if err != nil {
			return err
		}
		shown := uint64(0)
		if t.left == "true" {
			shown = r.shown[t.table]
		}
		if n <= shown {
			continue
		}
		var oldest time.Time
		if err := r.o.Conn.QueryRow(r.context(ctx), "SELECT min("+t.column+") "+where, r.goneArg()).Scan(&oldest); err != nil {
			return fmt.Errorf("audit: what is overdue in %s: %w", t.table, err)
		}
		r.found(ruleOverdue, n-shown, Example{Table: t.table, Expires: &oldest})
	}
	return nil
}
