package writer

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/storage/journal"
)

// counterTerm is how long counters without identifiers are kept.
const counterTerm = 25 * 31 * 24 * time.Hour

// writeCounts inserts the banner's counters.
func (w *Writer) writeCounts(ctx context.Context, counts []numbered[journal.Count], doubt bool) error {
	const columns = "site, edition, lang, variant, hour, kind, n, node, node_seq, expires_at"
	return writeCounters(ctx, w, "banner_counts", columns, counts, doubt, func(b driver.Batch, c numbered[journal.Count]) error {
		v := c.value
		return b.Append(v.Site, v.Edition, v.Lang, v.Variant, v.Hour, v.Kind, v.N, w.o.Node, c.seq, v.Hour.Add(counterTerm))
	})
}

// writeOutcomes inserts final outcomes.
func (w *Writer) writeOutcomes(ctx context.Context, ended []numbered[journal.Outcome], doubt bool) error {
	const columns = "site, day, outcome, detail, n, node, node_seq, expires_at"
	return writeCounters(ctx, w, "outcomes", columns, ended, doubt, func(b driver.Batch, c numbered[journal.Outcome]) error {
		v := c.value
		return b.Append(v.Site, v.Day, v.Outcome, v.Detail, v.N, w.o.Node, c.seq, v.Day.Add(counterTerm))
	})
}

// writeCounters inserts rows that are told apart by node and number.
func writeCounters[T any](ctx context.Context, w *Writer, table, columns string, rows []numbered[T], doubt bool,
	add func(driver.Batch, numbered[T]) error,
) error {
	if len(rows) == 0 {
		return nil
	}
	there := map[uint64]bool{}
	if doubt {
		low, high := rows[0].seq, rows[0].seq
		for _, r := range rows {
			low, high = min(low, r.seq), max(high, r.seq)
		}
		var found []struct {
			Seq uint64 `ch:"node_seq"`
		}
		query := "SELECT node_seq FROM " + table + " WHERE node = ? AND node_seq BETWEEN ? AND ?"
		if err := w.o.Conn.Select(ctx, &found, query, w.o.Node, low, high); err != nil {
			return fmt.Errorf("writer: read back %s: %w", table, err)
		}
		for _, f := range found {
			there[f.Seq] = true
		}
	}
	b, err := w.o.Conn.PrepareBatch(ctx, "INSERT INTO "+table+" ("+columns+")")
	if err != nil {
		return fmt.Errorf("writer: prepare %s: %w", table, err)
	}
	err = w.send(b, func() error {
		for _, r := range rows {
			if there[r.seq] {
				continue
			}
			if err := add(b, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writer: insert into %s: %w", table, err)
	}
	return nil
}
