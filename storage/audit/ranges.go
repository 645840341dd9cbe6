package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// span is a range of the consents of a site, by the second half of their ids,
// which the database orders ids by: from low on, below high. Random ids, which
// begin there with 10 in binary digits, lie between first and last.
type span struct {
	site      string
	low, high uint64
}

const (
	first = 1 << 63
	last  = first + 1<<62
)

// condition is the range in SQL. The ranges at either end hold all that lies
// beyond as well.
func (s span) condition() string {
	text := "true"
	if s.low > first {
		text += " AND consent_id >= " + bound(s.low)
	}
	if s.high < last {
		text += " AND consent_id < " + bound(s.high)
	}
	return text
}

// bound is the least id with a second half.
func bound(half uint64) string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[8:], half)
	return "toUUID('" + id.String() + "')"
}

// split cuts a range into n of about the same size.
func (s span) split(n uint64) []span {
	n = max(n, 1)
	size := (s.high - s.low) / n
	out := make([]span, n)
	for i := range out {
		out[i] = span{s.site, s.low + uint64(i)*size, s.low + uint64(i+1)*size}
	}
	out[n-1].high = s.high
	return out
}

// spans cuts the consents of a site into ranges of about as many rows as are
// judged at once.
func (r *run) spans(site string, rows uint64) []span {
	return span{site, first, last}.split(rows/r.o.Rows + 1)
}

// ordered makes sure that the database orders ids as the ranges are cut: else
// they would not hold every id once.
func (r *run) ordered(ctx context.Context) error {
	var bounds []string
	for _, s := range (span{low: first, high: last}).split(64) {
		bounds = append(bounds, bound(s.low))
	}
	var sorted bool
	list := "[" + strings.Join(bounds, ", ") + "]"
	if err := r.o.Conn.QueryRow(r.context(ctx), "SELECT arraySort("+list+") = "+list).Scan(&sorted); err != nil {
		return fmt.Errorf("audit: the order of ids: %w", err)
	}
	if !sorted {
		return errors.New("audit: the database orders ids in a way that is not known: they cannot be judged by ranges")
	}
	return nil
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
    SELECT site, count() AS e, countIf(ip != toIPv6('::')) AS a, 0 AS c FROM events GROUP BY site
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
	if err := r.ordered(ctx); err != nil {
		return err
	}
	for _, s := range sites {
		p, err := r.permissions(ctx, s.Site)
		if err != nil {
			return err
		}
		if err := r.decisions(ctx, s.Site, p); err != nil {
			return err
		}
		for _, part := range r.spans(s.Site, max(s.Events, s.Addresses, s.Decisions)) {
			r.step("events and decisions")
			if err := r.part(ctx, part, p); err != nil {
				return err
			}
		}
	}
	return nil
}
