package query_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"

	"kelisim/dashboard"
	"kelisim/dashboard/report"
	"kelisim/storage"
	"kelisim/storage/query"
	"kelisim/storage/storagetest"
)

var _ dashboard.Reader = (*query.Reports)(nil)

func open(t *testing.T, db *storage.DB) *query.Reports {
	t.Helper()
	reports, err := query.New(query.Options{Conn: db.Reports()})
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

func TestNew(t *testing.T) {
	if _, err := query.New(query.Options{}); err == nil {
		t.Error("no connection is accepted")
	}
}

// TestReportsRoleReadsNoRow tries what somebody with the password of the reports
// role would try.
func TestReportsRoleReadsNoRow(t *testing.T) {
	const accessDenied = 497
	db := storagetest.DB(t)
	for _, statement := range []string{
		"SELECT consent_id FROM events", "SELECT count() FROM events", "SELECT * FROM events_full",
		"SELECT ip FROM addresses", "SELECT * FROM consents", "SELECT payload FROM consent_payloads",
		"SELECT * FROM banner_counts", "SELECT * FROM outcomes", "SELECT * FROM nodes",
		"CREATE VIEW report_mine AS SELECT * FROM events",
		"INSERT INTO events (site) VALUES ('shop')",
	} {
		err := db.Reports().Exec(t.Context(), statement)
		var refused *clickhouse.Exception
		if !errors.As(err, &refused) || refused.Code != accessDenied && refused.Code != 164 { // 164: read only
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestReportRefuses(t *testing.T) {
	reports := open(t, storagetest.DB(t))
	good := report.Spec{Site: "shop", Zone: zoneName, From: 1, To: 2, Metrics: []report.Metric{report.PageViews}, By: report.ByDay}
	if _, err := reports.Report(t.Context(), 0, good); !errors.Is(err, query.ErrK) {
		t.Errorf("k = 0: %v", err)
	}
	bad := good
	bad.By = "consent_id"
	if _, err := reports.Report(t.Context(), 5, bad); !errors.Is(err, report.ErrBy) {
		t.Errorf("by consent_id: %v", err)
	}
	// Whatever stands in a value is bound, never part of the statement.
	odd := good
	odd.Site = "x' OR 1 = 1 --"
	if result, err := reports.Report(t.Context(), 5, odd); err != nil || result.Of(report.PageViews).Total.Known {
		t.Errorf("a quote in the site: %+v, %v", result, err)
	}
}

// TestDaysAreTheSites puts page views on both sides of midnight in Almaty.
func TestDaysAreTheSites(t *testing.T) {
	db := storagetest.DB(t)
	zone := almaty(t)
	midnight := time.Date(2026, 11, 10, 0, 0, 0, 0, zone)
	var events []event
	for person := 1; person <= 7; person++ {
		events = append(events, event{at: midnight.Add(-time.Millisecond), person: person, name: "pageview", seq: 1})
		if person <= 5 {
			events = append(events, event{at: midnight, person: person, name: "pageview", seq: 2})
		}
	}
	insert(t, db, "shop", events)
	series := ask(t, open(t, db), 5, "shop", report.PageViews, report.ByDay, 9, 10)
	ninth, tenth := report.DayFrom(2026, 11, 9), report.DayFrom(2026, 11, 10)
	want := []report.Row{{First: ninth, Last: ninth, Value: 7}, {First: tenth, Last: tenth, Value: 5}}
	if diff := cmp.Diff(want, series.Rows); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
	if series.Total != (report.Figure{Value: 12, Known: true}) || series.Withheld {
		t.Errorf("total %+v, withheld %v", series.Total, series.Withheld)
	}
}

// TestRowsPastTheirTermAreNotCounted inserts rows whose term is over, which the
// engine may not have removed yet.
func TestRowsPastTheirTermAreNotCounted(t *testing.T) {
	db := storagetest.DB(t)
	ctx := t.Context()
	maintain(t, db, "SYSTEM STOP TTL MERGES events")
	b, err := db.Writer().PrepareBatch(ctx, "INSERT INTO events (site, time, name, consent_id, expires_at)")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	at := time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)
	for person := range 20 {
		if err := b.Append("shop", at, "pageview", id("person", person), time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Send(); err != nil {
		t.Fatal(err)
	}
	if s := ask(t, open(t, db), 5, "shop", report.PageViews, report.ByDay, 9, 11); s.Total.Known || s.Withheld {
		t.Errorf("rows past their term are counted: %+v", s)
	}
}

func maintain(t *testing.T, db *storage.DB, statement string) {
	t.Helper()
	if err := storagetest.Admin(t).Exec(t.Context(), statement); err != nil {
		t.Logf("%s: %v", statement, err) // a help to the test, not its point
	}
}

func ask(t *testing.T, r *query.Reports, k uint32, site string, m report.Metric, by report.Dimension, from, to int) report.Series {
	t.Helper()
	result, err := r.Report(t.Context(), k, report.Spec{
		Site: site, Zone: zoneName, From: report.DayFrom(2026, 11, from), To: report.DayFrom(2026, 11, to),
		Metrics: []report.Metric{m}, By: by,
	})
	if err != nil {
		t.Fatal(err)
	}
	return result.Of(m)
}

// counters writes what was counted on one day of November 2026.
type counters struct {
	day                       int
	shown, refused            uint64
	acceptAll, custom, undone int
	dropped                   map[string]uint64
}

func countUp(t *testing.T, db *storage.DB, site string, all ...counters) {
	t.Helper()
	ctx := context.Background()
	exec := func(statement string, args ...any) {
		t.Helper()
		if err := db.Writer().Exec(ctx, statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	person := 0
	for _, c := range all {
		at := time.Date(2026, 11, c.day, 8, 0, 0, 0, time.UTC)
		for kind, n := range map[string]uint64{"shown": c.shown, "refused": c.refused} {
			exec("INSERT INTO banner_counts (site, hour, kind, n, expires_at) VALUES (?, ?, ?, ?, now() + 1000000)", site, at, kind, n)
		}
		decide := func(n int, state, action string) {
			for range n {
				person++
				exec("INSERT INTO consents (site, consent_id, number, state, action, time, keep_until) VALUES (?, ?, 1, ?, ?, ?, now() + 1000000)",
					site, id("decision", person), state, action, at)
			}
		}
		decide(c.acceptAll, "ConsentGiven", "accept_all")
		decide(c.custom, "ConsentGiven", "custom")
		decide(c.undone, "ConsentWithdrawn", "withdraw")
		for reason, n := range c.dropped {
			outcome, detail, _ := strings.Cut(reason, "/")
			exec("INSERT INTO outcomes (site, day, outcome, detail, n, expires_at) VALUES (?, ?, ?, ?, ?, now() + 1000000)", site, at, outcome, detail, n)
		}
	}
}

// TestCounters checks the choices at the banner: they add up to the banners shown,
// so a hidden one must not follow from the others.
func TestCounters(t *testing.T) {
	db := storagetest.DB(t)
	reports := open(t, db)
	countUp(t, db, "even", counters{day: 3, shown: 100, refused: 30, acceptAll: 20, custom: 10, undone: 6,
		dropped: map[string]uint64{"bot/crawler": 40, "bot/tool": 10, "bot/headers": 2, "invalid": 3, "stored": 900}})
	countUp(t, db, "joined", counters{day: 3, shown: 60, refused: 30, acceptAll: 1, custom: 1, dropped: map[string]uint64{"bot": 2}},
		counters{day: 4, shown: 20, acceptAll: 6, dropped: map[string]uint64{"bot": 4}})
	waits := []counters{{day: 3, shown: 30, refused: 10, acceptAll: 4}, {day: 4, shown: 4, acceptAll: 1}}
	countUp(t, db, "waits", waits...)
	countUp(t, db, "late", append(waits, counters{day: 5, shown: 6})...)
	countUp(t, db, "few", counters{day: 3, shown: 3}, counters{day: 4, shown: 4, refused: 1})
	countUp(t, db, "tiny", counters{day: 3, shown: 2, acceptAll: 1, undone: 1, dropped: map[string]uint64{"bot": 1}})

	f := func(site string, m report.Metric, by report.Dimension, total int, withheld bool, want map[string]uint64) {
		t.Helper()
		s := ask(t, reports, 5, site, m, by, 1, 30)
		got := map[string]uint64{}
		for _, r := range s.Rows {
			if by == report.ByDay {
				got[r.First.String()+" "+r.Last.String()] = r.Value
			} else {
				got[r.Label] = r.Value
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, %s by %s (-want +got)\n%s", site, m, by, diff)
		}
		if fig := (report.Figure{Value: uint64(total), Known: total > 0}); s.Total != fig || s.Withheld != withheld {
			t.Errorf("%s, %s by %s: total %v, withheld %v", site, m, by, s.Total, s.Withheld)
		}
	}
	none := map[string]uint64{}
	f("even", report.Banner, report.ByDay, 100, false, map[string]uint64{"2026-11-03 2026-11-03": 100})
	f("even", report.Banner, report.ByChoice, 100, false, map[string]uint64{"accepted": 30, "refused": 30, "ignored": 40})
	f("even", report.Withdrawn, report.ByDay, 6, false, map[string]uint64{"2026-11-03 2026-11-03": 6})
	// Two of the bots are told apart and too few: they do not follow from the reason.
	f("even", report.Dropped, report.ByReason, 50, true, map[string]uint64{"bot": 50})
	f("even", report.Dropped, report.ByDetail, 50, true, map[string]uint64{"bot/crawler": 40, "bot/tool": 10})

	// On the third only two accepted: its choices wait for the fourth.
	f("joined", report.Banner, report.ByDay, 80, false, map[string]uint64{"2026-11-03 2026-11-03": 60, "2026-11-04 2026-11-04": 20})
	f("joined", report.Banner, report.ByChoice, 80, false, map[string]uint64{"accepted": 8, "refused": 30, "ignored": 42})
	f("joined", report.Dropped, report.ByReason, 6, false, map[string]uint64{"bot": 6})

	// With the fourth the choices would do, but its four banners are not shown by
	// themselves and would follow from the choices: they wait for the fifth.
	f("late", report.Banner, report.ByDay, 40, false, map[string]uint64{"2026-11-03 2026-11-03": 30, "2026-11-04 2026-11-05": 10})
	f("late", report.Banner, report.ByChoice, 40, false, map[string]uint64{"accepted": 5, "refused": 10, "ignored": 25})
	f("waits", report.Banner, report.ByDay, 30, true, map[string]uint64{"2026-11-03 2026-11-03": 30})
	f("waits", report.Banner, report.ByChoice, 0, true, none)

	f("few", report.Banner, report.ByDay, 7, false, map[string]uint64{"2026-11-03 2026-11-04": 7})
	f("few", report.Banner, report.ByChoice, 0, true, none)

	f("tiny", report.Banner, report.ByDay, 0, true, none)
	f("tiny", report.Banner, report.ByChoice, 0, true, none)
	f("tiny", report.Withdrawn, report.ByDay, 0, true, none)
	f("tiny", report.Dropped, report.ByReason, 0, true, none)
}

// TestPresence goes through what a new site goes through.
func TestPresence(t *testing.T) {
	db := storagetest.DB(t)
	reports := open(t, db)
	spec := report.Spec{Site: "shop", Zone: zoneName, From: report.DayFrom(2026, 11, 1), To: report.DayFrom(2026, 11, 5)}
	f := func(want report.Presence) {
		t.Helper()
		got, err := reports.Presence(t.Context(), spec)
		if err != nil || got != want {
			t.Errorf("presence %d, want %d, %v", got, want, err)
		}
	}
	f(report.Nothing)
	countUp(t, db, "shop", counters{day: 3, shown: 1})
	f(report.Asked)
	countUp(t, db, "shop", counters{day: 3, acceptAll: 1})
	f(report.Consented)
	insert(t, db, "shop", []event{{at: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), person: 1, name: "pageview"}})
	f(report.Elsewhere)
	insert(t, db, "shop", []event{{at: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC), person: 1, name: "pageview"}})
	f(report.Some)
	spec.Site = "other"
	f(report.Nothing)
}

// BenchmarkReport measures one question over 30 days; the number of rows is in
// its name.
func BenchmarkReport(b *testing.B) {
	db := storagetest.DB(b)
	const rows, step = 500_000, 50_000
	for first := 0; first < rows; first += step {
		err := storagetest.Admin(b).Exec(b.Context(), fmt.Sprintf(`INSERT INTO events
		(site, time, name, consent_id, session_id, seq, visitor, path, country, expires_at)
		SELECT 'shop', toDateTime('2026-11-01', 'UTC') + rand() %% (30 * 86400), 'pageview',
			reinterpretAsUUID(toUInt128(cityHash64(intDiv(number, 8)))), reinterpretAsUUID(toUInt128(cityHash64(intDiv(number, 4), 1))),
			number %% 4, true, concat('/p', toString(rand(1) %% 200)), 'KZ', now() + 86400 * 60
		FROM numbers(%d, %d)`, first, step))
		if err != nil {
			b.Fatal(err)
		}
	}
	reports, err := query.New(query.Options{Conn: db.Reports()})
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []struct {
		m  report.Metric
		by report.Dimension
	}{{report.Visitors, report.ByDay}, {report.PageViews, report.ByPage}, {report.Sessions, report.ByCountry}} {
		b.Run(fmt.Sprintf("%s-by-%s-%d", q.m, q.by, rows), func(b *testing.B) {
			for b.Loop() {
				spec := report.Spec{
					Site: "shop", Zone: zoneName, From: report.DayFrom(2026, 11, 1), To: report.DayFrom(2026, 11, 30),
					Metrics: []report.Metric{q.m}, By: q.by,
				}
				if _, err := reports.Report(b.Context(), 10, spec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
