package node

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

// reason is why a node is not ready: a short name for the metrics, and a sentence
// for people. Neither tells anything of a visitor, and anybody may read both.
type reason struct{ name, says string }

// The reasons, the most telling first. They are what /readyz says and all that it
// can say.
func reasons() []reason {
	return []reason{
		{"stopping", "the node stops"},
		{"starting", "the node starts: its tables and editions were not looked at yet"},
		{"database", "clickhouse cannot be reached; events and decisions wait in the spool"},
		{"spool", "the spool, or its disk, is full or nearly so"},
		{"parked", "frames of the spool cannot be written and are kept aside: see the log"},
		{"revocations", "withdrawals on other nodes may be unknown here for more than a minute"},
		{"policies", "the policies changed and cannot be used; those of before are served: see the log"},
	}
}

// health is what the background work found out about the state of a node, so that
// asking for it costs nothing, whoever asks and however often.
type health struct {
	stopping atomic.Bool
	prepared atomic.Bool               // tables and editions stand
	answered atomic.Pointer[time.Time] // when the database answered last; nil = not since it failed
	full     atomic.Pointer[time.Time] // when the spool last refused something
	refused  atomic.Uint64             // how often it had by then
	policies atomic.Pointer[error]     // why changed policies cannot be used
}

// Bounds of the looks at the state.
const (
	pingWithin   = 2 * time.Second
	fullFor      = 30 * time.Second // how long a spool that refused something counts as full
	nearlyFull   = 0.9
	parkedFrames = 0 // at most
)

// watch looks at what must be asked for, until ctx ends.
func (n *Node) watch(ctx context.Context) {
	tick := time.NewTicker(n.o.Every.Look)
	defer tick.Stop()
	for {
		ask, cancel := context.WithTimeout(ctx, pingWithin)
		err := n.db.Ping(ask)
		cancel()
		if ctx.Err() != nil {
			return
		}
		n.answers(err == nil)
		if times := n.spool.Stats().Full; times != n.health.refused.Swap(times) {
			now := n.o.Now()
			n.health.full.Store(&now)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// answers notes whether the database answered.
func (n *Node) answers(it bool) {
	if !it {
		n.health.answered.Store(nil)
		return
	}
	now := n.o.Now()
	n.health.answered.Store(&now)
}

// holds reports whether a reason applies now.
func (n *Node) holds(name string) bool {
	now := n.o.Now()
	switch name {
	case "stopping":
		return n.health.stopping.Load()
	case "starting":
		return !n.health.prepared.Load()
	case "database":
		at := n.health.answered.Load()
		return at == nil || now.Sub(*at) > pingWithin+2*n.o.Every.Look // one that is frozen answers nothing, not even no
	case "spool":
		full, stats := n.health.full.Load(), n.spool.Stats()
		return !stats.Ballast || full != nil && now.Sub(*full) < fullFor || float64(stats.Bytes) > nearlyFull*float64(n.o.SpoolBytes)
	case "parked":
		return n.writer.Stats().Parked > parkedFrames
	case "revocations":
		return n.health.prepared.Load() && now.Sub(n.feed.Fresh()) > n.o.Every.Stale
	case "policies":
		return n.health.policies.Load() != nil
	}
	return true
}

// readiness is every reason why the node is not ready, a line each, or nil.
func (n *Node) readiness(context.Context) error {
	var says []string
	for _, r := range reasons() {
		if n.holds(r.name) {
			says = append(says, r.says)
		}
	}
	if len(says) == 0 {
		return nil
	}
	return errors.New(strings.Join(says, "\n"))
}
