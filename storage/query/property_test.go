package query_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"kelisim/dashboard/report"
	"kelisim/storage"
	"kelisim/storage/query"
	"kelisim/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(storagetest.Main(m)) }

const zoneName = "Asia/Almaty"

func almaty(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(zoneName)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// insert writes events as the writer does.
func insert(t *testing.T, db *storage.DB, site string, events []event) {
	t.Helper()
	ctx := context.Background()
	b, err := db.Writer().PrepareBatch(ctx, "INSERT INTO events (site, time, name, consent_id, number, session_id, seq, visitor, "+
		"path, referrer, country, browser, device, engaged_ms, expires_at)")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	expires := time.Now().AddDate(0, 2, 0).UTC().Truncate(24 * time.Hour)
	for _, e := range events {
		session := uuid.Nil
		if e.session != 0 {
			session = id("session", e.session)
		}
		err := b.Append(site, e.at, e.name, id("person", e.person), uint32(1), session, uint32(e.seq), e.visitor,
			e.labels[report.ByPage], e.labels[report.BySource], e.labels[report.ByCountry],
			e.labels[report.ByBrowser], e.labels[report.ByDevice], uint32(e.ms), expires)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Send(); err != nil {
		t.Fatal(err)
	}
}

func id(kind string, n int) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(fmt.Sprint(kind, n)))
}

// crowd makes up the visits of a site over the days around the turn of a month,
// quiet days among them. One person is planted who stands out in a dimension.
func crowd(r *rand.Rand, zone *time.Location, others, days int) []event {
	start := time.Date(2026, 10, 29, 0, 0, 0, 0, zone)
	var events []event
	session := 1
	visit := func(person int, at time.Time, labels map[report.Dimension]string) {
		pages := 1 + r.IntN(3)
		for seq := range pages {
			own := map[report.Dimension]string{report.ByPage: fmt.Sprintf("/p%d", r.IntN(3))}
			for by, label := range labels {
				own[by] = label
			}
			e := event{
				at: at.Add(time.Duration(seq) * 7 * time.Minute), person: person, session: session, seq: 2 * seq,
				name: "pageview", visitor: person%7 != 0, labels: own,
			}
			if person%11 == 0 {
				e.session = 0 // no purpose permits the session
			}
			events = append(events, e)
			e.name, e.ms, e.at = "engagement", 1000*r.IntN(90), e.at.Add(time.Duration(r.IntN(300))*time.Second)
			if e.session != 0 && r.IntN(3) > 0 {
				events = append(events, e)
			}
		}
		session++
	}
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	for person := 1; person <= others; person++ {
		labels := map[report.Dimension]string{
			report.BySource: pick("", "google.kz", "ya.ru"), report.ByCountry: pick("KZ", "KZ", "RU", ""),
			report.ByBrowser: pick("Chrome", "Firefox"), report.ByDevice: pick("desktop", "mobile"),
		}
		for range 1 + r.IntN(4) {
			day := min(r.IntN(days), r.IntN(days)+1) % days // some days are quieter
			visit(person, start.AddDate(0, 0, day).Add(time.Duration(r.IntN(24*60))*time.Minute), labels)
		}
	}
	planted := map[report.Dimension]string{report.ByCountry: "KZ", report.ByBrowser: "Chrome", report.ByDevice: "desktop"}
	planted[[]report.Dimension{report.ByPage, report.BySource, report.ByCountry, report.ByBrowser, report.ByDevice}[r.IntN(5)]] = "planted"
	visit(others+1, start.AddDate(0, 0, r.IntN(days)).Add(12*time.Hour), planted)
	return events
}

type asked struct {
	metric   report.Metric
	by       report.Dimension
	from, to report.Day
}

// TestNobodyIsSingledOut asks every question about every period of made-up sites
// with one planted visitor, among k-1, k, k+1 and more others. The answers must be
// those of the reference model, and no figure, and no difference of two figures,
// may stand for fewer than k people.
func TestNobodyIsSingledOut(t *testing.T) {
	const k = 5
	db := storagetest.DB(t)
	reports, err := query.New(query.Options{Conn: db.Reports()})
	if err != nil {
		t.Fatal(err)
	}
	zone := almaty(t)
	for round, others := range []int{k - 1, k, k + 1, 14, 40} {
		r := rand.New(rand.NewPCG(2026, uint64(round)))
		days := report.Day(5) // the turn of the month among them
		if others <= k+1 {
			days = 3
		}
		site := fmt.Sprintf("site%d", round)
		events := crowd(r, zone, others, int(days))
		insert(t, db, site, events)

		var questions []asked
		first := report.DayFrom(2026, 10, 29)
		for _, q := range []asked{
			{metric: report.Visitors, by: report.ByDay}, {metric: report.EngagedTime, by: report.ByDay},
			{metric: report.PageViews, by: report.ByDay}, {metric: report.PageViews, by: report.ByPage},
			{metric: report.PageViews, by: report.ByCountry}, {metric: report.Sessions, by: report.ByDay},
			{metric: report.Sessions, by: report.BySource}, {metric: report.Sessions, by: report.ByBrowser},
		} {
			if others <= k && q.by == report.ByDay && q.metric != report.PageViews {
				continue // next to nothing is shown of so few: their groups are what matters
			}
			for from := first; from < first+days; from++ {
				for to := from; to < first+days; to++ {
					q.from, q.to = from, to
					questions = append(questions, q)
				}
			}
		}
		answers := askAll(t, reports, k, site, questions)
		published := map[asked]answer{}
		shown := 0
		for i, q := range questions {
			want := reference(events, zone, k, q.metric, q.by, q.from, q.to)
			compare(t, site, q, answers[i], want)
			published[q] = want
			shown += len(want.labels)
		}
		if others >= 14 && shown == 0 {
			t.Errorf("%s: nothing is ever shown, so nothing is tested", site)
		}
		attack(t, k, site, questions, published)
	}
}

func askAll(t *testing.T, reports *query.Reports, k uint32, site string, questions []asked) []report.Series {
	t.Helper()
	answers := make([]report.Series, len(questions))
	next := make(chan int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range next {
				q := questions[i]
				result, err := reports.Report(t.Context(), k, report.Spec{
					Site: site, Zone: zoneName, From: q.from, To: q.to, Metrics: []report.Metric{q.metric}, By: q.by,
				})
				if err != nil {
					t.Error(err)
					continue
				}
				answers[i] = result.Of(q.metric)
			}
		})
	}
	for i := range questions {
		next <- i
	}
	close(next)
	wg.Wait()
	return answers
}

// compare holds an answer of the database against the model's.
func compare(t *testing.T, site string, q asked, got report.Series, want answer) {
	t.Helper()
	gotRows, wantRows := map[string]uint64{}, map[string]uint64{}
	for _, r := range got.Rows {
		if q.by == report.ByDay {
			gotRows[r.First.String()+" "+r.Last.String()] = r.Value
		} else {
			gotRows[r.Label] = r.Value
		}
		if r.Label == "planted" {
			t.Errorf("%s %v: the planted visitor is shown", site, q)
		}
	}
	if q.by == report.ByDay {
		for b, f := range want.blocks {
			wantRows[b.first.String()+" "+b.last.String()] = f.value
		}
	} else {
		for label, f := range want.labels {
			wantRows[label] = f.value
		}
	}
	if diff := cmp.Diff(wantRows, gotRows); diff != "" {
		t.Errorf("%s %s by %s, %s to %s: rows (-want +got)\n%s", site, q.metric, q.by, q.from, q.to, diff)
	}
	if total := (report.Figure{Value: want.total.value, Known: want.known}); got.Total != total {
		t.Errorf("%s %s by %s, %s to %s: total %v, want %v", site, q.metric, q.by, q.from, q.to, got.Total, total)
	}
}

// attack subtracts published sums from one another wherever one counts all that
// the other counts, and looks whom the rest stands for.
func attack(t *testing.T, k int, site string, questions []asked, published map[asked]answer) {
	t.Helper()
	sums := map[string][][]fact{} // by metric and dimension: what each published sum counts
	for _, q := range questions {
		a := published[q]
		if q.metric == report.EngagedTime {
			q.metric = "engaged_time" // a mean: its sum is not published, but treated as if it were
		}
		day := published[asked{q.metric, report.ByDay, q.from, q.to}]
		name := string(q.metric) + " by " + string(q.by)
		for _, one := range a.labels {
			sums[name] = append(sums[name], one.facts)
		}
		if q.metric == report.Visitors {
			if a.known && len(a.blocks) > 1 && a.total.value%uint64(k) != 0 {
				t.Errorf("%s: visitors of several days are not rounded: %d", site, a.total.value)
			}
			if a.known && people(a.total.facts) < k {
				t.Errorf("%s %v: visitors stand for %d people", site, q, people(a.total.facts))
			}
			delete(sums, name)
			continue
		}
		// the period's total, all that is shown of it, and what is left of it
		sums[name] = append(sums[name], day.total.facts, a.total.facts, minus(day.total.facts, a.total.facts))
	}
	for name, all := range sums {
		for i, one := range all {
			if n := people(one); n > 0 && n < k {
				t.Errorf("%s %s: a figure stands for %d people", site, name, n)
			}
			for j, other := range all {
				if i == j || len(other) > len(one) || !contains(one, other) {
					continue
				}
				if n := people(minus(one, other)); n > 0 && n < k {
					t.Errorf("%s %s: a difference of two figures stands for %d people", site, name, n)
				}
			}
		}
	}
}

func keys(all []fact) map[[4]int]bool {
	set := make(map[[4]int]bool, len(all))
	for _, f := range all {
		set[f.key] = true
	}
	return set
}

func contains(all, part []fact) bool {
	set := keys(all)
	for _, f := range part {
		if !set[f.key] {
			return false
		}
	}
	return true
}

func minus(all, part []fact) []fact {
	set := keys(part)
	var rest []fact
	for _, f := range all {
		if !set[f.key] {
			rest = append(rest, f)
		}
	}
	return rest
}
