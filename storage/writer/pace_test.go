package writer

import (
	"errors"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// TestPace: a slow database, many parts and its complaint about them make the
// flushes rarer, and nothing makes them rarer than ten times.
func TestPace(t *testing.T) {
	p := newPace(time.Second)
	check := func(what string, want time.Duration) {
		t.Helper()
		if p.between() != want {
			t.Errorf("%s: every %s, want %s", what, p.between(), want)
		}
	}
	check("at first", time.Second)
	p.flushed(10*time.Millisecond, 5)
	check("quick, a few parts", time.Second)
	p.flushed(3*time.Second, 5)
	check("slow", 3*time.Second)
	p.flushed(time.Millisecond, 1)
	check("quick again", 1500*time.Millisecond)
	p.flushed(time.Millisecond, 40)
	check("many parts", 4*time.Second)
	p.failed(&clickhouse.Exception{Code: tooManyPart})
	check("too many parts", 8*time.Second)
	p.failed(&clickhouse.Exception{Code: tooManyPart})
	check("still too many parts", 10*time.Second)
	p.failed(errors.New("no connection"))
	check("another error", 10*time.Second)
	for range 10 {
		p.flushed(time.Millisecond, 1)
	}
	check("after a while", time.Second)
}
