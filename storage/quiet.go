package storage

import (
	"context"
	"errors"
	"log/slog"

	"github.com/ClickHouse/clickhouse-go/v2"

	"kelisim/storage/embedded"
)

// Quiet returns a logger that masks what ClickHouse says in an error: a refused
// insert quotes the row, a failed query its values. What is left says what went
// wrong.
func Quiet(logger *slog.Logger) *slog.Logger {
	return slog.New(quiet{logger.Handler()})
}

// quiet masks the errors among the attributes of a record.
type quiet struct{ slog.Handler }

// Handle hands the record on, masked.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	masked := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		masked.AddAttrs(mask(a))
		return true
	})
	return q.Handler.Handle(ctx, masked)
}

// WithAttrs keeps masking.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	masked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		masked[i] = mask(a)
	}
	return quiet{q.Handler.WithAttrs(masked)}
}

// WithGroup keeps masking.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }

func mask(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	if a.Value.Kind() == slog.KindGroup {
		var all []any
		for _, one := range a.Value.Group() {
			all = append(all, mask(one))
		}
		return slog.Group(a.Key, all...)
	}
	err, ok := a.Value.Any().(error)
	var exception *clickhouse.Exception
	if !ok || !errors.As(err, &exception) {
		return a
	}
	return slog.String(a.Key, embedded.MaskMessage(err.Error()))
}
