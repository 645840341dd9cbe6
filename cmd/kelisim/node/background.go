package node

import (
	"context"
	"log/slog"
	"time"

	"kelisim/storage/erasure"
	"kelisim/storage/schema"
)

// background starts the work behind the edge. All of it ends with Stop: first
// the counters, then the writer, which flushes what is left.
func (n *Node) background(ctx context.Context) {
	ctx, n.cancel = context.WithCancel(context.WithoutCancel(ctx))
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	n.wait.Go(func() {
		defer stopWriting()
		n.journal.Run(ctx, n.o.Every.Flush)
	})
	n.wait.Go(func() { n.local.Run(ctx, n.feed) })
	n.wait.Go(func() { n.places.Run(ctx) })
	n.wait.Go(func() { n.keys.Run(ctx, n.o.Every.Keys) })
	n.wait.Go(func() { n.limits.Run(ctx) })
	n.wait.Go(func() { n.watch(ctx) })
	n.wait.Go(func() { n.followPolicies(ctx) })
	n.wait.Go(func() {
		if !n.awaitDatabase(writing) {
			return
		}
		if !n.health.prepared.Swap(true) {
			n.ReloadAndSay(ctx) // editions of other nodes may be known now that were not at the start
		}
		n.wait.Go(func() { n.feed.Run(ctx, n.o.Every.Poll, n.o.Logger) })
		n.erase(ctx)
		n.writer.Run(writing)
	})
}

// erase starts the eraser. It ends with ctx.
func (n *Node) erase(ctx context.Context) {
	e, err := erasure.New(erasure.Options{
		Conn: n.db.Maintenance(), Logger: n.o.Logger, Now: n.o.Now, Every: n.o.Every.Erase, Margin: n.o.Every.Margin,
	})
	if err != nil {
		n.o.Logger.Error("node: the eraser cannot start", "error", err)
		return
	}
	n.eraser.Store(e)
	n.wait.Go(func() { e.Run(ctx) })
}

// awaitDatabase tries until the schema stands and the editions are archived;
// false means that ctx ended first.
func (n *Node) awaitDatabase(ctx context.Context) bool {
	pause := 200 * time.Millisecond
	for quiet := slog.New(slog.DiscardHandler); ; {
		if n.prepareDatabase(ctx, quiet) {
			return true
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// prepareDatabase migrates, takes in the editions that other nodes archived and
// archives the own ones.
func (n *Node) prepareDatabase(ctx context.Context, logger *slog.Logger) bool {
	o := n.o.Schema
	o.Logger = n.o.Logger
	err := func() error {
		if _, err := schema.Migrate(ctx, n.db.Maintenance(), o); err != nil {
			return err
		}
		if err := n.shareEditions(ctx); err != nil {
			return err
		}
		return n.feed.Poll(ctx)
	}()
	if err != nil {
		logger.Warn("node: the database is not ready; it is tried again", "error", err)
		n.o.Logger.Debug("node: the database is not ready", "error", err)
	}
	return err == nil
}
