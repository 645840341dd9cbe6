package audit

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
)

// span is a range of the consents of a site: from low on, below high; nil is
// without a bound.
type span struct {
	site      string
	low, high *uuid.UUID
}

// condition is the range in SQL.
func (s span) condition() string {
	text := "true"
	if s.low != nil {
		text += " AND consent_id >= toUUID('" + s.low.String() + "')"
	}
	if s.high != nil {
		text += " AND consent_id < toUUID('" + s.high.String() + "')"
	}
	return text
}

// sites audits each site's events and decisions, a range at a time.
func (r *run) sites(ctx context.Context) error {
	var sites []struct {
		Site      string `ch:"site"`
		Events    uint64 `ch:"events"`
		Addresses uint64 `ch:"addresses"`
		Decisions uint64 `ch:"decisions"`
	}
	const list = `
SELECT toString(site) AS site, sum(e) AS events, sum(a) AS addresses, sum(c) AS decisions
FROM
(
    SELECT site, count() AS e, 0 AS a, 0 AS c FROM events GROUP BY site
    UNION ALL
    SELECT site, 0, count(), 0 FROM addresses GROUP BY site
    UNION ALL
    SELECT site, 0, 0, count() FROM consents GROUP BY site
)
GROUP BY site ORDER BY site`
	if err := r.o.Conn.Select(r.context(ctx), &sites, list); err != nil {
		return fmt.Errorf("audit: list sites: %w", err)
	}
	for _, s := range sites {
		r.report.Events += s.Events
		r.report.Addresses += s.Addresses
		r.report.Decisions += s.Decisions
	}
	for _, s := range sites {
		p, err := r.permissions(ctx, s.Site)
		if err != nil {
			return err
		}
		if err := r.decisions(ctx, s.Site, p); err != nil {
			return err
		}
		spans, err := r.split(ctx, s.Site, max(s.Events, s.Addresses, s.Decisions))
		if err != nil {
			return err
		}
		for _, part := range spans {
			r.step("events and decisions")
			if err := r.part(ctx, part, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// split cuts the consents of a site into ranges of about as many rows as are
// judged at once. The ids are random, so that equal ranges hold about as much.
func (r *run) split(ctx context.Context, site string, rows uint64) ([]span, error) {
	n := rows/r.o.Rows + 1
	bounds := make([]string, 0, n)
	for i := uint64(1); i < n; i++ {
		// The database orders ids by their second half, which begins with 10 in
		// binary digits.
		var id uuid.UUID
		binary.BigEndian.PutUint64(id[8:], 1<<63+i*(1<<62/n))
		bounds = append(bounds, id.String())
	}
	if len(bounds) == 0 {
		return []span{{site: site}}, nil
	}
	// Whatever the order is, the ranges must cover every id once.
	var sorted []uuid.UUID
	if err := r.o.Conn.QueryRow(ctx, "SELECT arraySort(CAST(@bounds, 'Array(UUID)'))", named("bounds", bounds)).Scan(&sorted); err != nil {
		return nil, fmt.Errorf("audit: split the consents: %w", err)
	}
	spans := make([]span, len(sorted)+1)
	for i := range spans {
		spans[i].site = site
		if i > 0 {
			spans[i].low = &sorted[i-1]
		}
		if i < len(sorted) {
			spans[i].high = &sorted[i]
		}
	}
	return spans, nil
}
