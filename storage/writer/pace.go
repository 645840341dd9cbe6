package writer

import (
	"errors"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// pace is how long a flush waits for company. It grows while the database is slow
// or has too many parts, so that fewer and larger ones are made, and shrinks again.
// What waits in the spool beyond the size of a flush never waits for it.
type pace struct {
	least, now time.Duration
}

const (
	slowest     = 10  // times the least
	partsASec   = 10  // of events, that merges keep up with easily
	tooManyPart = 252 // the server's code
)

func newPace(least time.Duration) pace { return pace{least: least, now: least} }

// between is how long to wait now.
func (p *pace) between() time.Duration { return p.now }

// flushed learns how long a flush took, and how many parts it made.
func (p *pace) flushed(took time.Duration, parts int) {
	want := max(took, time.Duration(parts)*p.least/partsASec)
	p.set(max(want, p.now/2))
}

// failed learns from an error.
func (p *pace) failed(err error) {
	var server *clickhouse.Exception
	if errors.As(err, &server) && server.Code == tooManyPart {
		p.set(2 * p.now)
	}
}

func (p *pace) set(d time.Duration) { p.now = min(max(d, p.least), slowest*p.least) }
