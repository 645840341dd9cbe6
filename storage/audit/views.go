package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// views asks the views that readers use for what is past its term. Only what
// still lies in the database can show, so that they are asked about that alone.
func (r *run) views(ctx context.Context) error {
	for _, t := range []term{{"events", "expires_at", "true"}, {"events", "ip_expires_at", networked}, {"addresses", "expires_at", "true"}} {
		var sites []struct {
			Site string `ch:"at"`
			All  uint64 `ch:"rows"`
		}
		query := "SELECT toString(site) AS at, count() AS rows FROM " + t.table + " WHERE site IN " +
			"(SELECT site FROM " + t.table + " WHERE " + t.left + " AND " + t.column + " <= fromUnixTimestamp64Milli(@now)) GROUP BY at ORDER BY at"
		if err := r.o.Conn.Select(r.context(ctx), &sites, query, r.nowArg()); err != nil {
			return fmt.Errorf("audit: what is past its term: %w", err)
		}
		for _, s := range sites {
			// The view joins every network of a range, whatever is asked of it.
			for _, part := range r.spans(s.Site, 4*s.All) {
				var err error
				if t.table == "events" && t.column == "expires_at" {
					err = r.shownEvents(ctx, part)
				} else {
					err = r.shownAddresses(ctx, part, t)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	for _, p := range probes() {
		if err := r.probe(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) nowArg() any { return named("now", r.moment.now.UnixMilli()) }

// shownEvents asks, as the role of a person's rights does, for events past their
// term.
func (r *run) shownEvents(ctx context.Context, s span) error {
	past := "FROM events_full WHERE site = @site AND " + s.condition() + " AND expires_at <= fromUnixTimestamp64Milli(@now)"
	args := []any{named("site", s.site), r.nowArg(), r.goneArg()}
	var n, old uint64
	row := r.o.Rights.QueryRow(r.context(ctx), "SELECT count(), countIf(expires_at <= fromUnixTimestamp64Milli(@gone)) "+past, args...)
	if err := row.Scan(&n, &old); err != nil {
		return fmt.Errorf("audit: ask the view events_full: %w", err)
	}
	if n == 0 {
		return nil
	}
	r.shown["events"] += old
	var rows []struct {
		ConsentID uuid.UUID `ch:"consent_id"`
		Number    uint32    `ch:"number"`
		Name      string    `ch:"event"`
		Time      time.Time `ch:"time"`
		Expires   time.Time `ch:"expires_at"`
	}
	query := fmt.Sprintf("SELECT consent_id, number, toString(name) AS event, time, expires_at %s ORDER BY time LIMIT %d", past, r.room(ruleVisible))
	if err := r.o.Rights.Select(r.context(ctx), &rows, query, args...); err != nil {
		return fmt.Errorf("audit: ask the view events_full: %w", err)
	}
	var examples []Example
	for i := range rows {
		v := &rows[i]
		examples = append(examples, Example{
			Site: s.site, ConsentID: &v.ConsentID, Number: v.Number, Event: printable(v.Name), Time: &v.Time, Expires: &v.Expires, Table: "events_full",
		})
	}
	r.found(ruleVisible, n, examples...)
	return nil
}

// shownAddresses looks for networks that show with their event although their
// own, shorter term is over.
func (r *run) shownAddresses(ctx context.Context, s span, t term) error {
	where := "site = @site AND " + s.condition()
	n, err := r.number(ctx, r.o.Conn, "SELECT count() FROM events_full WHERE "+where+
		" AND expires_at > fromUnixTimestamp64Milli(@now) AND ip != toIPv6('::') AND (consent_id, session_id, seq, name, ip) IN "+
		"(SELECT consent_id, session_id, seq, name, ip FROM "+t.table+" WHERE "+where+" AND "+t.left+" AND "+t.column+" <= fromUnixTimestamp64Milli(@now))",
		named("site", s.site), r.nowArg())
	if err != nil {
		return err
	}
	r.found(ruleVisible, n, Example{Site: s.site, Table: "events_full", Columns: []string{"ip"}})
	return nil
}

// probe asks a view of reports for the figure of one day of which something is
// past its term, and compares it with what is not. The view is asked for groups
// of one, which hides nothing.
type probe struct {
	view, table, term, day string
	counted                string // SQL aggregate over rows of the table: what the figure counts
	figure                 string // SQL
	alone                  bool   // the figure only tells of days of which nothing else is left
}

func probes() []probe {
	const period = "(site = @site, zone = 'UTC', from = toDate(@day), to = toDate(@day)"
	return []probe{
		{
			"report_people", "events", "expires_at", "toDate(time)", "countIf(name = 'pageview')",
			"SELECT sum(value) FROM report_people" + period + ", metric = 'page_views', by = '', k = 1) WHERE total", false,
		},
		{
			"report_presence", "events", "expires_at", "toDate(time)", "toUInt64(count() > 0)",
			"SELECT toUInt64(event_here) FROM report_presence" + period + ")", true,
		},
		{
			"report_banner", "banner_counts", "expires_at", "toDate(hour)", "sumIf(n, kind = 'shown')",
			"SELECT sum(value) FROM report_banner" + period + ", by = '', k = 1) WHERE total", false,
		},
		{
			"report_withdrawn", "consents", "keep_until", "toDate(time)", "countIf(state = 'ConsentWithdrawn')",
			"SELECT sum(value) FROM report_withdrawn" + period + ", k = 1) WHERE total", false,
		},
		{
			"report_dropped", "outcomes", "expires_at", "day", "sumIf(n, outcome != 'stored')",
			"SELECT sum(value) FROM report_dropped(site = @site, from = toDate(@day), to = toDate(@day), by = '', k = 1) WHERE total", false,
		},
	}
}

func (r *run) probe(ctx context.Context, p probe) error {
	var days []struct {
		Site string    `ch:"at"`
		Day  time.Time `ch:"on_day"`
	}
	alone := "true"
	if p.alone {
		alone = fmt.Sprintf("(at, on_day) NOT IN (SELECT toString(site), %s FROM %s WHERE %s > fromUnixTimestamp64Milli(@now))", p.day, p.table, p.term)
	}
	// A view reads from the first of the month on, so that an early day costs least.
	query := fmt.Sprintf("SELECT toString(site) AS at, %s AS on_day FROM %s WHERE %s <= fromUnixTimestamp64Milli(@now) "+
		"GROUP BY at, on_day HAVING %s > 0 AND %s ORDER BY at, toDayOfMonth(on_day), on_day LIMIT 1 BY at", p.day, p.table, p.term, p.counted, alone)
	if err := r.o.Conn.Select(r.context(ctx), &days, query, r.nowArg()); err != nil {
		return fmt.Errorf("audit: what is past its term: %w", err)
	}
	for _, d := range days {
		args := []any{named("site", d.Site), named("day", d.Day.Format(time.DateOnly))}
		live := fmt.Sprintf("SELECT %s FROM %s WHERE site = @site AND %s = toDate(@day) AND %s > now()", p.counted, p.table, p.day, p.term)
		before, err := r.number(ctx, r.o.Conn, live, args...)
		if err != nil {
			return err
		}
		given, err := r.number(ctx, r.o.Reports, p.figure, args...)
		if err != nil {
			return fmt.Errorf("audit: ask the view %s: %w", p.view, err)
		}
		after, err := r.number(ctx, r.o.Conn, live, args...)
		if err != nil {
			return err
		}
		if most := max(before, after); given > most {
			day := d.Day
			r.found(ruleVisible, given-most, Example{Site: d.Site, Table: p.view, Time: &day})
		}
	}
	return nil
}
