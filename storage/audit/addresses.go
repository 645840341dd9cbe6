package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// shortSQL is whether an address is no longer than what may be kept of one: /24
// of IPv4, /48 of IPv6, /40 of 6to4 and /32 of Teredo, which hold a person's IPv4
// address behind that. NAT64 and the deprecated form of IPv4 in IPv6 hold it in
// their last 32 bits, which /48 leaves empty.
const shortSQL = "IPv6CIDRToRange(ip, multiIf(IPv6CIDRToRange(ip, 96).1 = toIPv6('::ffff:0.0.0.0'), 120, " +
	"IPv6CIDRToRange(ip, 16).1 = toIPv6('2002::'), 40, IPv6CIDRToRange(ip, 32).1 = toIPv6('2001::'), 32, 48)).1 = ip"

// addresses looks for addresses that are longer than may be kept: in the events,
// and in the table where older versions kept them.
func (r *run) addresses(ctx context.Context) error {
	for _, table := range []string{"events", "addresses"} {
		n, err := r.number(ctx, r.o.Conn, "SELECT countIf(NOT ("+shortSQL+")) FROM "+table)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		examples, err := r.addressExamples(ctx, table, "NOT ("+shortSQL+")", r.room(ruleAddress))
		if err != nil {
			return err
		}
		r.found(ruleAddress, n, examples...)
	}
	return nil
}

// addressExamples finds some rows with an address. The address itself stays where
// it is.
func (r *run) addressExamples(ctx context.Context, table, condition string, n int, args ...any) ([]Example, error) {
	var rows []struct {
		Site      string    `ch:"at"`
		ConsentID uuid.UUID `ch:"consent_id"`
		Name      string    `ch:"event"`
	}
	query := fmt.Sprintf("SELECT toString(site) AS at, consent_id, toString(name) AS event FROM %s WHERE %s ORDER BY at, consent_id LIMIT %d", table, condition, n)
	if err := r.o.Conn.Select(r.context(ctx), &rows, query, args...); err != nil {
		return nil, fmt.Errorf("audit: examples of addresses: %w", err)
	}
	var out []Example
	for i := range rows {
		out = append(out, Example{Site: rows[i].Site, ConsentID: &rows[i].ConsentID, Event: printable(rows[i].Name), Columns: []string{"ip"}})
	}
	return out, nil
}

// orphans looks for addresses of a range that belong to none of its events; how
// many belong to one is known. A node of an older version writes an address before
// its event, so that one may be on its way for as long as a flush takes.
func (r *run) orphans(ctx context.Context, s span, owned uint64) error {
	args := []any{named("site", s.site), named("now", r.moment.now.UnixMilli())}
	where := "site = @site AND " + s.condition() + " AND " + shortSQL + " AND expires_at > fromUnixTimestamp64Milli(@now)"
	all, err := r.number(ctx, r.o.Conn, "SELECT count() FROM addresses WHERE "+where, args...)
	if err != nil || all == owned {
		return err
	}
	const keys = "(consent_id, session_id, seq, name)"
	lonely := where + " AND " + keys + " NOT IN (SELECT consent_id, session_id, seq, name FROM events WHERE site = @site AND " + s.condition() + ")"
	n, err := r.settled(ctx, func() (uint64, error) {
		return r.number(ctx, r.o.Conn, "SELECT count() FROM addresses WHERE "+lonely, args...)
	})
	if err != nil || n == 0 {
		return err
	}
	examples, err := r.addressExamples(ctx, "addresses", lonely, r.room(ruleAddressEvent), args...)
	if err != nil {
		return err
	}
	r.found(ruleAddressEvent, n, examples...)
	return nil
}

// settled asks for a number of violations until there are none, or until a flush
// that was under way must have ended. Without a living node none is.
func (r *run) settled(ctx context.Context, ask func() (uint64, error)) (uint64, error) {
	n, err := ask()
	tick := time.NewTicker(max(r.o.Settle/20, time.Millisecond))
	defer tick.Stop()
	for left := 20; left > 0 && n > 0 && err == nil && r.moment.alive > 0; left-- {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
		n, err = ask()
	}
	return n, err
}
