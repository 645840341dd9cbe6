// Package editions archives the editions of policies in the database, so that
// every node knows what any person was ever shown. An edition never changes and
// is never deleted.
package editions

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Edition is one archived edition.
type Edition struct {
	Site      string
	Hash      string // hexadecimal
	Number    int
	Effective time.Time
	Document  []byte
}

// List reads the whole archive, oldest first.
func List(ctx context.Context, conn driver.Conn) ([]Edition, error) {
	rows, err := conn.Query(ctx, `
SELECT site, edition, any(number), any(effective), any(document)
FROM policy_editions GROUP BY site, edition ORDER BY site, any(number), min(archived_at)`)
	if err != nil {
		return nil, fmt.Errorf("editions: list: %w", err)
	}
	defer rows.Close()
	var out []Edition
	for rows.Next() {
		var (
			e        Edition
			number   uint32
			document string
		)
		if err := rows.Scan(&e.Site, &e.Hash, &number, &e.Effective, &document); err != nil {
			return nil, fmt.Errorf("editions: read: %w", err)
		}
		e.Number, e.Document = int(number), []byte(document)
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("editions: list: %w", err)
	}
	return out, nil
}

// Archive adds editions. One that stands there already may be added again by
// another node at the same moment; List shows it once.
func Archive(ctx context.Context, conn driver.Conn, editions []Edition) error {
	if len(editions) == 0 {
		return nil
	}
	b, err := conn.PrepareBatch(ctx, "INSERT INTO policy_editions (site, edition, number, effective, document)")
	if err != nil {
		return fmt.Errorf("editions: archive: %w", err)
	}
	defer b.Close()
	for _, e := range editions {
		if err := b.Append(e.Site, e.Hash, uint32(e.Number), e.Effective, string(e.Document)); err != nil {
			return fmt.Errorf("editions: archive: %w", err)
		}
	}
	if err := b.Send(); err != nil {
		return fmt.Errorf("editions: archive: %w", err)
	}
	return nil
}
