// Package batch gathers reduced events into what is written at once: to the
// spool first, and from there to the database. Nothing can be a row that did
// not pass every stage before.
package batch

import (
	"errors"
	"log/slog"

	"kelisim/pipeline/minimise"
)

// ErrZero is returned for a value that no earlier stage has minted.
var ErrZero = errors.New("batch: the event was never gated and minimised")

// Row is one event that may be stored. It comes from RowOf, or from reading a
// frame of the spool that this package wrote.
type Row struct{ v minimise.Values }

// RowOf makes a row of a reduced event.
func RowOf(r minimise.Reduced) (Row, error) {
	if r.IsZero() {
		return Row{}, ErrZero
	}
	return Row{v: r.Values()}, nil
}

// IsZero reports whether the row was never made.
func (r Row) IsZero() bool { return r.v.ConsentID.IsZero() }

// Values is what the row holds.
func (r Row) Values() minimise.Values { return r.v }

// LogValue keeps rows out of logs.
func (r Row) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Batch is the rows of one request, or of one write.
type Batch struct {
	rows   []Row
	verify bool
}

// Of makes a batch; a row that was never made is refused.
func Of(rows ...Row) (Batch, error) {
	for _, r := range rows {
		if r.IsZero() {
			return Batch{}, ErrZero
		}
	}
	return Batch{rows: rows}, nil
}

// Rows lists the rows; the slice is the batch's own and must not be changed.
func (b Batch) Rows() []Row { return b.rows }

// At is what a row holds, without a copy; it must not be changed.
func (b Batch) At(i int) *minimise.Values { return &b.rows[i].v }

// Len counts the rows.
func (b Batch) Len() int { return len(b.rows) }

// NeedsReadBack marks a batch whose events could have been stored before this
// process started, so that the writer must look before it writes.
func (b Batch) NeedsReadBack() Batch {
	b.verify = true
	return b
}

// ReadBack reports whether the writer must look before it writes.
func (b Batch) ReadBack() bool { return b.verify }

// Without keeps the rows for which drop is false.
func (b Batch) Without(drop func(Row) bool) Batch {
	kept := make([]Row, 0, len(b.rows))
	for _, r := range b.rows {
		if !drop(r) {
			kept = append(kept, r)
		}
	}
	return Batch{rows: kept, verify: b.verify}
}
