package node

import (
	"context"
	"errors"
	"time"
)

func (n *Node) notReady(why string) { n.ready.Store(&why) }

func (n *Node) readiness(ctx context.Context) error {
	if why := n.ready.Load(); why != nil {
		return errors.New(*why)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := n.db.Ping(ctx); err != nil {
		return errors.New("clickhouse cannot be reached; events and decisions wait in the spool")
	}
	return nil
}
