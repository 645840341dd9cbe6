package writer_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/storage/revocation"
	"kelisim/storage/storagetest"
	"kelisim/storage/storagetest/person"
	"kelisim/storage/writer"
)

// speedEvents is how many rows one round of the benchmarks writes.
const speedEvents = 60_000

// BenchmarkFlush is the writer from the spool to the table; one operation is one
// event. It includes the server's part only as far as it is waited for: cpu-ns/op
// is the processor time of this process.
func BenchmarkFlush(b *testing.B) {
	storagetest.DB(b)
	for b.Loop() {
		b.StopTimer()
		s := speedSite(b)
		conn := connect(b, storagetest.Engine(b).Access().Address)
		w, err := writer.New(writer.Options{
			Spool: s.Spool, Conn: conn, Feed: revocation.New(conn, s.Revoked, s.Now), Revoked: s.Revoked, Node: "one",
			Logger: slog.New(slog.DiscardHandler), Now: s.Now, FlushEvery: time.Millisecond,
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		before := processor()
		stop := run(b, w)
		for s.Spool.Backlog() > 0 {
			time.Sleep(time.Millisecond)
		}
		b.ReportMetric(float64(processor()-before)/speedEvents, "cpu-ns/event")
		b.StopTimer()
		stop()
		b.StartTimer()
	}
}

// BenchmarkBareInsert is clickhouse-go inserting rows of the same columns by Append.
func BenchmarkBareInsert(b *testing.B) {
	storagetest.DB(b)
	conn := connect(b, storagetest.Engine(b).Access().Address)
	for b.Loop() {
		before := processor()
		batch, err := conn.PrepareBatch(b.Context(), "INSERT INTO events (site, time, name, consent_id, number, session_id, seq, visitor, path, referrer, "+
			"utm_source, utm_medium, utm_campaign, utm_content, utm_term, click, source, channel, country, region, city, "+
			"browser, browser_version, os, device, props, engaged_ms, ip, ip_expires_at, expires_at)")
		if err != nil {
			b.Fatal(err)
		}
		ip := netip.MustParseAddr("::ffff:203.0.113.0")
		now, none := time.Now().UTC(), map[string]string{}
		ends := now.Truncate(24*time.Hour).AddDate(0, 0, 90)
		for i := range speedEvents {
			err := batch.Append("demo", now, "pageview", uuid.New(), uint32(1), uuid.New(), uint32(i), true, fmt.Sprintf("/catalogue/%d", i%200), "www.google.com",
				"news", "email", "", "", "", "", "Google", "search", "KZ", "", "",
				"Chrome", "130", "Windows", "desktop", none, uint32(0), ip, ends, ends)
			if err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(processor()-before)/speedEvents, "cpu-ns/event")
	}
}

// processor is the processor time of this process in nanoseconds.
func processor() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // never fails
	return u.Utime.Nano() + u.Stime.Nano()
}

// speedSite is a site in whose spool the events of a round wait.
func speedSite(b *testing.B) *person.Site {
	s := person.NewSite(b, b.TempDir(), time.Now)
	var people []*person.Person
	for range 500 {
		people = append(people, s.Accept(b))
	}
	for i := range speedEvents {
		p := people[i%len(people)]
		s.Visit(b, p, p.View(fmt.Sprintf("/catalogue/%d", i%200)))
	}
	return s
}
