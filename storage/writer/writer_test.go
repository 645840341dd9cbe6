package writer_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/consent"
	"kelisim/pipeline/outcome"
	"kelisim/storage/journal"
	"kelisim/storage/storagetest"
	"kelisim/storage/storagetest/person"
)

// everything puts one thing of every kind into a spool: two decisions of one
// person and one of another, a withdrawal, an erasure, events, and counters.
func everything(t *testing.T, s *person.Site) {
	t.Helper()
	p, leaves := s.Accept(t), s.Accept(t)
	s.Visit(t, p, p.View("/demanded"))
	s.Demand(t, p)
	time.Sleep(2 * time.Millisecond) // what comes is of another moment
	page := p.View("/a")
	s.Visit(t, p, page, p.Engaged(page, time.Second), p.Signup())
	s.Visit(t, p, p.View("/b"))
	s.Withdraw(t, leaves)
	if r := s.Send(t, leaves, leaves.View("/late")); r.Drops[outcome.Withdrawn] != 1 {
		t.Fatalf("after a withdrawal: %v", r.Drops.Drops())
	}
	key := journal.CountKey{Site: person.SiteID, Edition: "e", Lang: "kk", Variant: "bar-1", Hour: s.Now()}
	s.Journal.Show(key)
	s.Journal.Show(key)
	if err := s.Journal.Refuse(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := s.Journal.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// all is what n times everything leaves in the tables.
func all(n int) map[string]int {
	return map[string]int{
		"SELECT count() FROM events":                                              4 * n,
		"SELECT uniqExact(session_id, seq, name) FROM events":                     4 * n,
		"SELECT count() FROM events WHERE ip != toIPv6('::')":                     4 * n,
		"SELECT count() FROM events_full WHERE ip = toIPv6('::ffff:203.0.113.0')": 4 * n,
		"SELECT count() FROM consents":                                            3 * n,
		"SELECT uniqExact(consent_id, number) FROM consents":                      3 * n,
		"SELECT count() FROM consent_payloads":                                    3 * n,
		"SELECT count() FROM revocations WHERE lowest > 0":                        n,
		"SELECT count() FROM revocations WHERE lowest = 0":                        n,
		"SELECT count() FROM erasures WHERE kind = 'withdrawn'":                   n,
		"SELECT count() FROM erasures WHERE kind = 'erased'":                      n,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'":                    4 * n,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'withdrawn'":                 2 * n,
		"SELECT sum(n) FROM outcomes":                                             6 * n,
		"SELECT sum(n) FROM banner_counts WHERE kind = 'shown'":                   2 * n,
		"SELECT sum(n) FROM banner_counts WHERE kind = 'refused'":                 n,
	}
}

func TestWritesEverythingOnce(t *testing.T) {
	storagetest.DB(t)
	s := site(t, &clock{})
	everything(t, s)
	flush(t, s, "one")
	counts(t, storagetest.Admin(t), all(1))
	if n := s.Spool.Backlog(); n != 0 {
		t.Errorf("%d bytes are left in the spool", n)
	}
	flush(t, s, "one") // there is nothing more, and the next heartbeat says so
	counts(t, storagetest.Admin(t), map[string]int{
		"SELECT uniqExact(node) FROM nodes WHERE watermark > now() - 60": 1,
		"SELECT count() FROM events WHERE name = 'pageview' AND path IN ('/a', '/b') AND browser = 'Chrome' AND country = 'KZ' " +
			"AND utm_source = 'news' AND referrer = 'search.example' AND visitor AND device = 'desktop' AND os = 'Windows'": 2,
		"SELECT count() FROM events WHERE name = 'engagement' AND engaged_ms = 1000":  1,
		"SELECT count() FROM events WHERE name = 'signup' AND props['plan'] = 'free'": 1,
		"SELECT count() FROM consents WHERE commitment = '' OR node != 'one'":         0,
		"SELECT count() FROM revocations WHERE lowest != 4294967295":                  1,
		"SELECT count() FROM consents AS c JOIN consent_payloads AS p USING (consent_id, number) " +
			"WHERE hex(c.commitment) = hex(SHA256(concat(toString(p.nonce), p.payload)))": 3,
	})
}

// TestOnceAfterACutLine cuts the connection at every insert, before it reaches
// the server and after the server has done it and only the answer is missing.
func TestOnceAfterACutLine(t *testing.T) {
	storagetest.DB(t)
	admin := storagetest.Admin(t)
	p := newProxy(t, storagetest.Engine(t).Access().Address)
	conn := connect(t, p.address())
	s := site(t, &clock{})
	tables := []string{"consent_payloads", "revocations", "erasures", "consents", "banner_counts", "events", "outcomes"}
	runs := 0
	for _, after := range []bool{false, true} {
		for _, table := range tables {
			runs++
			everything(t, s)
			p.arm("INSERT INTO "+table+" (", after)
			stop := run(t, newWriter(t, s, "one", conn))
			flushed(t, s)
			stop()
			if got := p.cut(); got != runs {
				t.Fatalf("%s, after %v: the line was cut %d times, want %d", table, after, got, runs)
			}
			if counts(t, admin, all(runs)); t.Failed() {
				t.Fatalf("%s, after %v", table, after)
			}
		}
	}
	t.Logf("%d cuts, nothing lost and nothing twice", runs)
}

// TestOnceWhileTheLineIsCut is the same while events keep coming.
func TestOnceWhileTheLineIsCut(t *testing.T) {
	storagetest.DB(t)
	p := newProxy(t, storagetest.Engine(t).Access().Address)
	s := site(t, &clock{})
	stop := run(t, newWriter(t, s, "one", connect(t, p.address())))
	who := s.Accept(t)
	const events = 300
	for i := range events {
		if i%30 == 0 {
			p.arm("INSERT INTO events (", i%60 == 0)
		}
		s.Visit(t, who, who.View(fmt.Sprintf("/%d", i)))
	}
	flushed(t, s)
	stop()
	t.Logf("%d cuts", p.cut())
	counts(t, storagetest.Admin(t), map[string]int{
		"SELECT count() FROM events":                           events,
		"SELECT uniqExact(seq) FROM events":                    events,
		"SELECT count() FROM events WHERE ip != toIPv6('::')":  events,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'": events,
		"SELECT sum(n) FROM outcomes":                          events,
	})
}

// TestReplayAfterARestart flushes a spool, puts it back as it was before, as a
// crash between the insert and the checkpoint leaves it, and flushes it again.
func TestReplayAfterARestart(t *testing.T) {
	storagetest.DB(t)
	s := site(t, &clock{})
	everything(t, s)
	before := t.TempDir()
	if err := os.CopyFS(before, os.DirFS(s.Dir)); err != nil {
		t.Fatal(err)
	}
	flush(t, s, "one")
	s.Close()
	again := person.NewSite(t, before, s.Now)
	if again.Spool.Backlog() == 0 {
		t.Fatal("the copied spool is empty")
	}
	flush(t, again, "one")
	counts(t, storagetest.Admin(t), all(1))
}

// TestRepeatAcrossARestart: the answer to an event was lost with the process, so
// the browser sends it again to the next one.
func TestRepeatAcrossARestart(t *testing.T) {
	storagetest.DB(t)
	c := &clock{}
	for _, flushedBefore := range []bool{true, false} {
		first, node := site(t, c), fmt.Sprint("flushed ", flushedBefore)
		p := first.Accept(t)
		page := p.View("/once")
		engaged := p.Engaged(page, time.Second)
		first.Visit(t, p, page, engaged)
		if flushedBefore {
			flush(t, first, node)
		}
		first.Close()
		c.forward(time.Second)

		second := person.NewSite(t, first.Dir, c.now)
		w := newWriter(t, second, node, connect(t, storagetest.Engine(t).Access().Address))
		second.Visit(t, p, page, engaged, p.View("/new"), p.Engaged(page, 2*time.Second))
		stop := run(t, w)
		flushed(t, second)
		stop()
		id := uuid.UUID(p.Decision.ID())
		admin := storagetest.Admin(t)
		if n := number(t, admin, "SELECT count() FROM events WHERE consent_id = ?", id); n != 4 {
			t.Errorf("flushed before: %v: %d rows, want 4", flushedBefore, n)
		}
		if n := number(t, admin, "SELECT count() FROM events WHERE ip != toIPv6('::') AND consent_id = ?", id); n != 4 {
			t.Errorf("flushed before: %v: %d networks, want 4", flushedBefore, n)
		}
	}
	counts(t, storagetest.Admin(t), map[string]int{
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'":    8,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'duplicate'": 4,
	})
}

// TestRepeatInADoubtfulFlush: a flush that fails and is tried again still tells
// an event of its own from the repeat of an older one.
func TestRepeatInADoubtfulFlush(t *testing.T) {
	storagetest.DB(t)
	c := &clock{}
	first := site(t, c)
	p := first.Accept(t)
	page := p.View("/once")
	first.Visit(t, p, page)
	flush(t, first, "one")
	first.Close()
	c.forward(time.Second)

	second := person.NewSite(t, first.Dir, c.now)
	line := newProxy(t, storagetest.Engine(t).Access().Address)
	w := newWriter(t, second, "one", connect(t, line.address()))
	second.Visit(t, p, page, p.View("/new"))
	line.arm("INSERT INTO events (", true)
	stop := run(t, w)
	flushed(t, second)
	stop()
	if line.cut() != 1 {
		t.Fatal("the line was not cut")
	}
	counts(t, storagetest.Admin(t), map[string]int{
		"SELECT count() FROM events":                              2,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'":    2,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'duplicate'": 1,
	})
}

// TestChecksAgainWhenItFlushes: between the acknowledgement and the flush a
// consent can end.
func TestChecksAgainWhenItFlushes(t *testing.T) {
	storagetest.DB(t)
	c := &clock{}
	here, elsewhere := site(t, c), site(t, c)
	p, stays, narrows := here.Accept(t), here.Accept(t), here.Accept(t)
	wider := *narrows // with the token of before
	elsewhere.Narrow(t, narrows, consent.FieldReferrer)
	elsewhere.Withdraw(t, p)
	flush(t, elsewhere, "two")
	flush(t, here, "one")

	// This node has not heard of the withdrawal: its process began anew.
	here.Close()
	deaf := person.NewSite(t, here.Dir, c.now)
	deaf.Visit(t, p, p.View("/after"))
	deaf.Visit(t, stays, stays.View("/stays"))
	deaf.Visit(t, narrows, narrows.View("/narrowed"))
	wider.View("/not sent") // its number is taken already
	deaf.Visit(t, &wider, wider.View("/wider"))
	flush(t, deaf, "one")
	counts(t, storagetest.Admin(t), map[string]int{
		"SELECT count() FROM events":                                                       2,
		"SELECT count() FROM events WHERE ip != toIPv6('::')":                              2,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'withdrawn' AND detail = 'withdrawn'": 1,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'withdrawn' AND detail = 'narrowed'":  1,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'":                             2,
	})

	// The row's own term passes while it waits.
	deaf.Visit(t, stays, stays.View("/too-late"))
	c.forward((person.RetentionDays + 1) * 24 * time.Hour)
	flush(t, deaf, "one")
	counts(t, storagetest.Admin(t), map[string]int{
		"SELECT count() FROM events WHERE path = '/too-late'":   0,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'expired'": 1,
	})
}

// TestDrainsAtTheEnd: what was accepted before the stop is flushed by it, once,
// also when the stop comes in the middle of a flush.
func TestDrainsAtTheEnd(t *testing.T) {
	storagetest.DB(t)
	s, conn := site(t, &clock{}), connect(t, storagetest.Engine(t).Access().Address)
	const stops, views = 20, 20
	for round := range stops {
		stop := run(t, newWriter(t, s, "one", conn))
		p := s.Accept(t)
		for i := range views {
			s.Visit(t, p, p.View(fmt.Sprintf("/%d", i)))
		}
		time.Sleep(time.Duration(round) * time.Millisecond) // each stop at another point of a flush
		stop()
	}
	counts(t, storagetest.Admin(t), map[string]int{
		"SELECT count() FROM events":                           stops * views,
		"SELECT uniqExact(session_id, seq) FROM events":        stops * views,
		"SELECT count() FROM events WHERE ip != toIPv6('::')":  stops * views,
		"SELECT count() FROM consents":                         stops,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'stored'": stops * views,
	})
}

// TestWatermark: a node's watermark never passes what still waits on it.
func TestWatermark(t *testing.T) {
	storagetest.DB(t)
	s := site(t, &clock{})
	p := newProxy(t, storagetest.Engine(t).Access().Address)
	who := s.Accept(t)
	flush(t, s, "one")
	began := s.Now().UnixMilli()
	s.Visit(t, who, who.View("/waits"))

	// Heartbeats get through, events do not.
	blocked := connect(t, p.address())
	stopBlocking := make(chan struct{})
	go func() { // ends with the test
		for {
			select {
			case <-stopBlocking:
				return
			case <-time.After(time.Millisecond):
				p.arm("INSERT INTO events (", false)
			}
		}
	}()
	run(t, newWriter(t, s, "one", blocked))
	eventually(t, "some cuts", func() bool { return p.cut() > 3 })
	passed := "SELECT count() FROM nodes WHERE node = 'one' AND toUnixTimestamp64Milli(watermark) > ?"
	if n := number(t, storagetest.Admin(t), passed, began); n != 0 {
		t.Error("the watermark passed an event that waits")
	}
	close(stopBlocking)
	p.arm("nothing", false)
	flushed(t, s)
	eventually(t, "the watermark to pass", func() bool { return number(t, storagetest.Admin(t), passed, began) > 0 })
}
