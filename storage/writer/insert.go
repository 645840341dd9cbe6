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

// insert is one insert of rows into a table; it says how many there were.
func (w *Writer) insert(ctx context.Context, table, columns string, fill func(driver.Batch) error) (int, error) {
	b, err := w.prepare(ctx, table, columns)
	if err != nil {
		return 0, err
	}
	defer b.end()
	if err := fill(b.Batch); err != nil {
		return 0, fmt.Errorf("writer: fill %s: %w", table, err)
	}
	return w.send(b)
}

// tries is how often a flush in doubt looks for what is missing and inserts it,
// before the whole flush is tried again later.
const tries = 3

// ensure inserts the rows of a table. In doubt it reads back which of them stand,
// inserts the others, and reads back once more: it ends when nothing was missing.
func ensure[K comparable, V any](doubt bool, read func() (map[K]V, error), insert func(there map[K]V) (int, error)) error {
	if !doubt {
		_, err := insert(nil)
		return err
	}
	for range tries {
		there, err := read()
		if err != nil {
			return err
		}
		if missing, err := insert(there); err != nil || missing == 0 {
			return err
		}
	}
	return errVanish
}

// errVanish says that rows were inserted and yet are not there.
var errVanish = errors.New("writer: rows that were inserted do not stand")

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

// queryOf begins the id of every insert of this node: an id is it and a UUID.
func queryOf(node string) string { return "kelisim-writer " + node + " " }

func (w *Writer) prepare(ctx context.Context, table, columns string) (*pending, error) {
	w.unsettled = true
	id := queryOf(w.o.Node) + uuid.NewString()
	b, err := w.o.Conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithQueryID(id), clickhouse.WithSettings(insertSettings())), "INSERT INTO "+table+" ("+columns+")")
	if err != nil {
		return nil, fmt.Errorf("writer: prepare %s: %w", table, err)
	}
	return &pending{Batch: b, table: table}, nil
}

// send sends an insert, or only ends it when it stayed empty; it says how many
// rows it had.
func (w *Writer) send(p *pending) (int, error) {
	rows := p.pushed + p.Rows()
	if rows == 0 {
		return 0, p.Close()
	}
	failpoint.Hit("insert-" + p.table)
	if err := p.Send(); err != nil {
		return rows, fmt.Errorf("writer: insert into %s: %w", p.table, err)
	}
	failpoint.Hit("inserted-" + p.table)
	w.stats.inserted(p.table, rows)
	return rows, nil
}

const (
	accessDenied = 497              // the server's code
	serverWaits  = 9 * time.Second  // for rows of an insert whose client has fallen silent; it looks every ten seconds, and twice
	blindWait    = 30 * time.Second // for an insert that cannot be looked for
	overWithin   = time.Minute      // bounds how long one that ended in doubt is waited for
)

// insertSettings let the client send texts as they are: the server makes the
// numbers of a dictionary of them at a third of the cost. An insert whose client
// is gone without a word ends by itself soon. A block that equals an earlier one
// is no repeat for the server: what is missing is known by reading back. It has
// the rows when it answers.
func insertSettings() clickhouse.Settings {
	return clickhouse.Settings{
		"low_cardinality_allow_in_native_format": 0,
		"receive_timeout":                        int(serverWaits / time.Second),
		"insert_deduplicate":                     0,
		"async_insert":                           0,
	}
}

// settle waits until no insert of before is carried out any more, be it of an
// earlier try or of the process before this one: only then says reading back what
// stands for good. The server knows an insert before it is sent the first row, so
// one that it does not know is over.
func (w *Writer) settle(ctx context.Context) error {
	if !w.unsettled {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, overWithin)
	defer cancel()
	prefix := queryOf(w.o.Node)
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		var running uint64
		err := w.o.Conn.QueryRow(ctx, "SELECT count(query_id) FROM system.processes WHERE startsWith(query_id, ?) AND length(query_id) = ?",
			prefix, len(prefix)+len(uuid.Nil.String())).Scan(&running)
		var server *clickhouse.Exception
		if errors.As(err, &server) && server.Code == accessDenied {
			w.o.Logger.Error("writer: the database user may not read system.processes, so inserts of before are only waited for; grant it", "for", blindWait)
			w.pause(ctx, blindWait)
			w.unsettled = false
			return nil
		}
		if err != nil {
			return fmt.Errorf("writer: look for inserts of before: %w", err)
		}
		if running == 0 {
			w.unsettled = false
			return nil
		}
		w.pause(ctx, wait)
		if ctx.Err() != nil {
			return errors.New("writer: an insert of before is still carried out")
		}
	}
}
