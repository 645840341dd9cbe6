package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kelisim/pipeline/outcome"
)

// outcomes checks the names of what was counted, and that it covers the rows.
func (r *run) outcomes(ctx context.Context) error {
	if err := r.closedList(ctx); err != nil {
		return err
	}
	for site, days := range r.orderly {
		var example Example
		n, err := r.settled(ctx, func() (n uint64, err error) {
			n, example, err = r.uncounted(ctx, site, days)
			return n, err
		})
		if err != nil {
			return err
		}
		r.found(ruleCounted, n, example)
	}
	return nil
}

// closedList looks for outcomes that the program does not know. Those of a time
// when no detail was counted have none.
func (r *run) closedList(ctx context.Context) error {
	var rows []struct {
		Outcome string `ch:"outcome"`
		Detail  string `ch:"detail"`
		N       uint64 `ch:"times"`
	}
	const list = "SELECT toString(outcome) AS outcome, toString(detail) AS detail, sum(n) AS times FROM outcomes GROUP BY outcome, detail"
	if err := r.o.Conn.Select(r.context(ctx), &rows, list); err != nil {
		return fmt.Errorf("audit: list outcomes: %w", err)
	}
	for _, row := range rows {
		_, known := outcome.Parse(row.Outcome, row.Detail)
		named := slices.ContainsFunc(outcome.All(), func(o outcome.Outcome) bool { return o.String() == row.Outcome })
		if !known && (!named || row.Detail != "") {
			r.found(ruleOutcome, row.N, Example{Table: "outcomes", Note: printable(row.Outcome) + " " + printable(row.Detail)})
		}
	}
	return nil
}

// uncounted is how many of a site's rows no outcome accounts for: of all, and of
// each day with the days beside it, because an event is counted on the day of the
// first event that was sent with it, which is less than a day away.
func (r *run) uncounted(ctx context.Context, site string, rows map[time.Time]uint64) (uint64, Example, error) {
	var counted []struct {
		Day time.Time `ch:"day"`
		N   uint64    `ch:"times"`
	}
	const list = "SELECT day, sum(n) AS times FROM outcomes WHERE site = @site AND outcome = 'stored' GROUP BY day"
	if err := r.o.Conn.Select(r.context(ctx), &counted, list, named("site", site)); err != nil {
		return 0, Example{}, fmt.Errorf("audit: what was counted as stored: %w", err)
	}
	stored := map[time.Time]uint64{}
	var all, total uint64
	for _, c := range counted {
		stored[dayOf(c.Day)] = c.N
		total += c.N
	}
	var (
		most    uint64
		example Example
	)
	for day, n := range rows {
		all += n
		near := stored[day.AddDate(0, 0, -1)] + stored[day] + stored[day.AddDate(0, 0, 1)]
		if n > near && n-near > most {
			most = n - near
			example = Example{Site: site, Table: "outcomes", Time: &day, Note: fmt.Sprintf("%d rows of the day, %d counted on it and the days beside it", n, near)}
		}
	}
	if all > total && all-total >= most {
		most = all - total
		example = Example{Site: site, Table: "outcomes", Note: fmt.Sprintf("%d rows, %d counted", all, total)}
	}
	return most, example, nil
}

// dayOf is a day that equals every other mention of it.
func dayOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
