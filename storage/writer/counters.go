package writer

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// counterTerm is how long counters without identifiers are kept.
const counterTerm = 25 * 31 * 24 * time.Hour

// writeCounts inserts the sums of the banner's counters.
func (w *Writer) writeCounts(ctx context.Context, r *run, doubt bool) error {
	const columns = "site, edition, lang, variant, hour, kind, n, node, node_seq, expires_at"
	return writeCounters(ctx, w, "banner_counts", columns, r, r.counts, doubt,
		"site, edition, lang, variant, kind, toUnixTimestamp(hour)",
		func(rows driver.Rows, k *countKey, n *uint64) error {
			var hour uint32
			err := rows.Scan(&k.site, &k.edition, &k.lang, &k.variant, &k.kind, &hour, n)
			k.hour = int64(hour)
			return err
		},
		func(b driver.Batch, k countKey, n, seq uint64) error {
			hour := moment(k.hour)
			return b.Append(k.site, k.edition, k.lang, k.variant, hour, k.kind, n, w.o.Node, seq, hour.Add(counterTerm))
		})
}

// writeOutcomes inserts the sums of final outcomes.
func (w *Writer) writeOutcomes(ctx context.Context, r *run, ended counters[outcomeKey], doubt bool) error {
	const columns = "site, day, outcome, detail, n, node, node_seq, expires_at"
	return writeCounters(ctx, w, "outcomes", columns, r, ended, doubt,
		"site, toUnixTimestamp(toDateTime(day, 'UTC')), outcome, detail",
		func(rows driver.Rows, k *outcomeKey, n *uint64) error {
			var day uint32
			err := rows.Scan(&k.site, &day, &k.outcome, &k.detail, n)
			k.day = int64(day)
			return err
		},
		func(b driver.Batch, k outcomeKey, n, seq uint64) error {
			day := moment(k.day)
			return b.Append(k.site, day, k.outcome, k.detail, n, w.o.Node, seq, day.Add(counterTerm))
		})
}

// writeCounters inserts sums. They are told apart by node and by where their run
// begins, which is why a run keeps its bounds. A try before may have counted an
// event under another reason; together they never count more than there were.
func writeCounters[K comparable](ctx context.Context, w *Writer, table, columns string, r *run, sums counters[K], doubt bool,
	key string, scan func(driver.Rows, *K, *uint64) error, add func(b driver.Batch, k K, n, seq uint64) error,
) error {
	if len(sums) == 0 {
		return nil
	}
	read := func() (map[K]uint64, error) {
		// What an earlier process flushed as several runs may come back as one.
		rows, err := w.o.Conn.Query(ctx, "SELECT "+key+", n FROM "+table+" WHERE node = ? AND node_seq >= ? AND node_seq < ?",
			w.o.Node, r.at.Number(), r.next.Number())
		if err != nil {
			return nil, fmt.Errorf("writer: read back %s: %w", table, err)
		}
		defer rows.Close()
		there := counters[K]{}
		for rows.Next() {
			var (
				k K
				n uint64
			)
			if err := scan(rows, &k, &n); err != nil {
				return nil, fmt.Errorf("writer: read back %s: %w", table, err)
			}
			there.add(k, n)
		}
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("writer: read back %s: %w", table, err)
		}
		return there, nil
	}
	return ensure(doubt, read, func(there map[K]uint64) (int, error) {
		left := sums.total() - min(sums.total(), counters[K](there).total())
		return w.insert(ctx, table, columns, func(b driver.Batch) error {
			for k, n := range sums {
				if n = min(n-min(n, there[k]), left); n == 0 {
					continue
				}
				left -= n
				if err := add(b, k, n, r.at.Number()); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
