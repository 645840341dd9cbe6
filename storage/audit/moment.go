package audit

import (
	"context"
	"fmt"
	"time"
)

// moment is when the audit takes place, by the database's clock.
type moment struct {
	now    time.Time
	judged time.Time // every node that lives has flushed what it accepted before
	alive  uint64
}

// skew is how far the clocks of two nodes may be apart.
const skew = 10 * time.Second

// never is when nothing happens any more, in milliseconds since 1970: the year 2200.
const never = 7_258_118_400_000

const nodesSQL = `
SELECT now64(3) AS moment, countIf(s > moment - toIntervalMillisecond(@alive)) AS alive, countIf(s <= moment - toIntervalMillisecond(@alive)) AS silent,
    minIf(w, s > moment - toIntervalMillisecond(@alive)) AS low
FROM (SELECT max(watermark) AS w, max(seen_at) AS s FROM nodes GROUP BY node)`

// nodes finds up to which moment everything that was accepted is in the database.
// A node's watermark says that everything it accepted before is flushed.
func (r *run) nodes(ctx context.Context) error {
	var (
		silent uint64
		low    time.Time
	)
	row := r.o.Conn.QueryRow(r.context(ctx), nodesSQL, named("alive", r.o.Alive.Milliseconds()))
	if err := row.Scan(&r.moment.now, &r.moment.alive, &silent, &low); err != nil {
		return fmt.Errorf("audit: how far the nodes have got: %w", err)
	}
	r.moment.judged = r.moment.now
	if r.moment.alive > 0 {
		r.moment.judged = low.Add(-skew)
	}
	r.report.Until, r.report.Alive, r.report.Silent = r.moment.judged.UTC(), r.moment.alive, silent
	return nil
}
