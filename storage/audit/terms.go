package audit

import (
	"context"
	"fmt"
	"time"
)

// term is a table with the column that says when a row must be gone.
type term struct{ table, column string }

// terms lists every table whose rows have a term.
func terms() []term {
	return []term{
		{"events", "expires_at"}, {"addresses", "expires_at"}, {"consents", "keep_until"}, {"consent_payloads", "keep_until"},
		{"revocations", "expires_at"}, {"erasures", "expires_at"}, {"banner_counts", "expires_at"}, {"outcomes", "expires_at"},
		{"nodes", "expires_at"},
	}
}

// gone is how long after its term a row may lie on the disk at the longest.
const gone = 24 * time.Hour

func (r *run) goneArg() any { return named("gone", r.moment.now.Add(-gone).UnixMilli()) }

// overdue looks for rows that lie in the database a day after their term. Of
// those that a view even shows it is said there.
func (r *run) overdue(ctx context.Context) error {
	for _, t := range terms() {
		where := fmt.Sprintf("FROM %s WHERE %s <= fromUnixTimestamp64Milli(@gone)", t.table, t.column)
		n, err := r.number(ctx, r.o.Conn, "SELECT count() "+where, r.goneArg())
		if err != nil {
			return err
		}
		if n <= r.shown[t.table] {
			continue
		}
		var oldest time.Time
		if err := r.o.Conn.QueryRow(r.context(ctx), "SELECT min("+t.column+") "+where, r.goneArg()).Scan(&oldest); err != nil {
			return fmt.Errorf("audit: what is overdue in %s: %w", t.table, err)
		}
		r.found(ruleOverdue, n-r.shown[t.table], Example{Table: t.table, Expires: &oldest})
	}
	return nil
}
