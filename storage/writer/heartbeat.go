package writer

import (
	"context"
	"time"

	"kelisim/pipeline/spool"
)

// pass moves the watermark: everything that this node accepted before that moment
// is flushed, no insert is under way now, and every later one polls the
// revocations first. So nothing that was accepted or revoked before the watermark
// can still come from this node.
func (w *Writer) pass(at spool.Position) {
	now, end := w.o.Now(), w.o.Spool.End()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !at.Before(end):
		w.passed, w.mark = now, mark{at: now, end: end}
	case !at.Before(w.mark.end):
		w.passed, w.mark = w.mark.at, mark{at: now, end: end}
	}
}

// beat writes at an interval that this node lives, and its watermark, also while
// a flush is tried again and again. It ends with ctx.
func (w *Writer) beat(ctx context.Context) {
	tick := time.NewTicker(w.o.Heartbeat)
	defer tick.Stop()
	for {
		w.heartbeat(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Writer) heartbeat(ctx context.Context) {
	w.mu.Lock()
	passed := w.passed
	w.mu.Unlock()
	b, err := w.o.Conn.PrepareBatch(ctx, "INSERT INTO nodes (node, seen_at, watermark)")
	if err == nil {
		defer b.Close()
		if err = b.Append(w.o.Node, w.o.Now(), passed); err == nil {
			err = b.Send()
		}
	}
	if err != nil && ctx.Err() == nil {
		w.o.Logger.Debug("writer: no heartbeat", "error", err)
	}
}
