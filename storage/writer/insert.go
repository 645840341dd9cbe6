package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/pipeline/failpoint"
)

// insert is one insert of rows into a table. A query that ended in doubt may
// still be carried out by the server, so its id is kept until it is known to be
// over.
func (w *Writer) insert(ctx context.Context, table, columns string, fill func(driver.Batch) error) error {
	b, err := w.prepare(ctx, table, columns)
	if err != nil {
		return err
	}
	defer b.end()
	if err := fill(b.Batch); err != nil {
		return fmt.Errorf("writer: fill %s: %w", table, err)
	}
	return w.send(b)
}

// pending is an insert that was begun.
type pending struct {
	driver.Batch
	table  string
	pushed int // rows that are on their way already
}

// pushRows is how many rows are sent at once. The server gathers them into the
// same parts as if they had come together, and the client needs no memory that
// grows with an insert.
const pushRows = 4096

// push sends the rows that were appended, once they are enough.
func (p *pending) push() error {
	rows := p.Rows()
	if rows < pushRows {
		return nil
	}
	p.pushed += rows
	return p.Flush()
}

// end gives the connection back, and closes it where rows are on their way that
// were not all.
func (p *pending) end() {
	if !p.IsSent() && p.pushed > 0 {
		_ = p.Abort() // only ever fails for one that was sent
		return
	}
	_ = p.Close()
}

func (w *Writer) prepare(ctx context.Context, table, columns string) (*pending, error) {
	id := uuid.NewString()
	w.open = append(w.open, id)
	b, err := w.o.Conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithQueryID(id), clickhouse.WithSettings(insertSettings())), "INSERT INTO "+table+" ("+columns+")")
	if err != nil {
		return nil, fmt.Errorf("writer: prepare %s: %w", table, err)
	}
	return &pending{Batch: b, table: table}, nil
}

// send sends an insert, or only ends it when it stayed empty.
func (w *Writer) send(p *pending) error {
	rows := p.pushed + p.Rows()
	if rows == 0 {
		return p.Close()
	}
	began := w.o.Now()
	failpoint.Hit("insert-" + p.table)
	if err := p.Send(); err != nil {
		return fmt.Errorf("writer: insert into %s: %w", p.table, err)
	}
	failpoint.Hit("inserted-" + p.table)
	w.stats.inserted(p.table, rows, w.o.Now().Sub(began))
	return nil
}

const (
	accessDenied = 497              // the server's code
	blindWait    = 10 * time.Second // for an insert that ended in doubt and cannot be looked for
)

// overWithin bounds how long an insert is waited for that ended in doubt.
const overWithin = time.Minute

// settle waits until no insert of an earlier try is carried out any more: only
// then says reading back what stands for good. The server knows an insert before
// it is sent the first row, so one that it does not know is over.
func (w *Writer) settle(ctx context.Context) error {
	if len(w.open) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, overWithin)
	defer cancel()
	for {
		var running uint64
		err := w.o.Conn.QueryRow(ctx, "SELECT count(query_id) FROM system.processes WHERE query_id IN (?)", w.open).Scan(&running)
		var server *clickhouse.Exception
		if errors.As(err, &server) && server.Code == accessDenied {
			w.o.Logger.Error("writer: the database user may not read system.processes, so inserts of before are only waited for; grant it", "for", blindWait)
			w.pause(ctx, blindWait)
			w.open = w.open[:0]
			return nil
		}
		if err != nil {
			return fmt.Errorf("writer: look for inserts of before: %w", err)
		}
		if running == 0 {
			w.open = w.open[:0]
			return nil
		}
		w.pause(ctx, 50*time.Millisecond)
		if ctx.Err() != nil {
			return errors.New("writer: an insert of before is still carried out")
		}
	}
}
