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
	return writeCounters(ctx, w, "banner_counts", columns, r.at.Number(), r.counts, doubt,
		"site, edition, lang, variant, kind, toUnixTimestamp(hour)",
		func(rows driver.Rows, k *countKey) error {
			var hour uint32
			err := rows.Scan(&k.site, &k.edition, &k.lang, &k.variant, &k.kind, &hour)
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
	return writeCounters(ctx, w, "outcomes", columns, r.at.Number(), ended, doubt,
		"site, toUnixTimestamp(toDateTime(day, 'UTC')), outcome, detail",
		func(rows driver.Rows, k *outcomeKey) error {
			var day uint32
			err := rows.Scan(&k.site, &day, &k.outcome, &k.detail)
			k.day = int64(day)
			return err
		},
		func(b driver.Batch, k outcomeKey, n, seq uint64) error {
			day := moment(k.day)
			return b.Append(k.site, day, k.outcome, k.detail, n, w.o.Node, seq, day.Add(counterTerm))
		})
}

// writeCounters inserts sums. They are told apart by node and by where their run
// begins, which is why a run keeps its bounds.
func writeCounters[K comparable](ctx context.Context, w *Writer, table, columns string, seq uint64, sums counters[K], doubt bool,
	key string, scan func(driver.Rows, *K) error, add func(b driver.Batch, k K, n, seq uint64) error,
) error {
	if len(sums) == 0 {
		return nil
	}
	there := map[K]bool{}
	if doubt {
		rows, err := w.o.Conn.Query(ctx, "SELECT "+key+" FROM "+table+" WHERE node = ? AND node_seq = ?", w.o.Node, seq)
		if err != nil {
			return fmt.Errorf("writer: read back %s: %w", table, err)
		}
		defer rows.Close()
		for rows.Next() {
			var k K
			if err := scan(rows, &k); err != nil {
				return fmt.Errorf("writer: read back %s: %w", table, err)
			}
			there[k] = true
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("writer: read back %s: %w", table, err)
		}
	}
	return w.insert(ctx, table, columns, func(b driver.Batch) error {
		for k, n := range sums {
			if there[k] {
				continue
			}
			if err := add(b, k, n, seq); err != nil {
				return err
			}
		}
		return nil
	})
}
