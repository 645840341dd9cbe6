package writer

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/storage/journal"
)

// demandKey tells a demand from others.
type demandKey struct {
	id uuid.UUID
	at int64 // milliseconds since 1970
}

func keyOfDemand(e journal.Erasure) demandKey { return demandKey{uuid.UUID(e.ID), e.At.UnixMilli()} }

// writeErasures inserts what people demanded: first that no node stores anything
// of before, then the job that erases what stands.
func (w *Writer) writeErasures(ctx context.Context, demands []numbered[journal.Erasure], doubt bool) error {
	if len(demands) == 0 {
		return nil
	}
	now := w.o.Now()
	tables := []struct {
		name, columns, where, moment string
		append                       func(driver.Batch, numbered[journal.Erasure]) error
	}{
		{"revocations", revocationColumns, "lowest = 0", "time", func(b driver.Batch, d numbered[journal.Erasure]) error {
			v := d.value.Revocation(now)
			return b.Append(v.Site, uuid.UUID(v.ID), uint32(0), v.Erased, w.o.Node, d.seq, v.Expires, uint32(0))
		}},
		{"erasures", jobColumns, "kind = '" + EraseDemanded + "'", "requested_at", func(b driver.Batch, d numbered[journal.Erasure]) error {
			e := d.value
			return b.Append(e.Job(), e.Site, uuid.UUID(e.ID), EraseDemanded, uint32(0), uint32(0), e.At, e.At.Add(JobTerm))
		}},
	}
	for _, t := range tables {
		query := "SELECT consent_id, " + t.moment + " FROM " + t.name + " WHERE consent_id IN (?) AND " + t.where
		read := func() (map[demandKey]bool, error) { return w.demandsThere(ctx, query, demands) }
		err := ensure(doubt, read, func(there map[demandKey]bool) (int, error) {
			return w.insert(ctx, t.name, t.columns, func(b driver.Batch) error {
				for _, d := range demands {
					if there[keyOfDemand(d.value)] {
						continue
					}
					if err := t.append(b, d); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) demandsThere(ctx context.Context, query string, demands []numbered[journal.Erasure]) (map[demandKey]bool, error) {
	var ids []string
	for _, d := range demands {
		ids = append(ids, d.value.ID.String())
	}
	rows, err := w.o.Conn.Query(ctx, query, ids)
	if err != nil {
		return nil, fmt.Errorf("writer: read back demands: %w", err)
	}
	defer rows.Close()
	there := map[demandKey]bool{}
	for rows.Next() {
		var (
			id uuid.UUID
			at time.Time
		)
		if err := rows.Scan(&id, &at); err != nil {
			return nil, fmt.Errorf("writer: read back demands: %w", err)
		}
		there[demandKey{id, at.UnixMilli()}] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("writer: read back demands: %w", err)
	}
	return there, nil
}
