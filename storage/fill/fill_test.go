package fill_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/consent/policy"
	"kelisim/policies"
	"kelisim/storage"
	"kelisim/storage/audit"
	"kelisim/storage/fill"
	"kelisim/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(storagetest.Main(m)) }

// site is the demo's policy with some texts replaced by others.
func site(t *testing.T, changes ...string) *policy.Policy {
	t.Helper()
	text := string(policies.Demo())
	for i := 0; i < len(changes); i += 2 {
		if strings.Count(text, changes[i]) != 1 {
			t.Fatalf("the demo's policy holds %d times %q", strings.Count(text, changes[i]), changes[i])
		}
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	p, problems := policy.Parse("policy.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// everything is a policy that licenses all that visitors leave.
func everything(t *testing.T) *policy.Policy {
	t.Helper()
	return site(t, "device, session, visitor, events, engagement]\n", "device, session, visitor, events, engagement, region, city]\n",
		"    fields: [country]", "    fields: [country, region, city]")
}

func put(t *testing.T, db *storage.DB, o fill.Options) {
	t.Helper()
	if err := fill.Fill(t.Context(), db.Maintenance(), o); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, query string) float64 {
	t.Helper()
	var n float64
	if err := storagetest.Admin(t).QueryRow(t.Context(), "SELECT toFloat64("+query+")").Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// What is filled in is what honest visitors leave: it has their shape, and the
// audit finds nothing in it.
func TestHonestVisitors(t *testing.T) {
	for name, p := range map[string]*policy.Policy{
		"everything": everything(t),
		"demo":       site(t),
		"neither countries nor addresses, two terms": site(t, "fields: [page, referrer, country, address, browser", "fields: [page, referrer, browser", "    address_days: 30\n", "",
			"    fields: [country]", "    fields: []", "    fields: [address]", "    fields: []", "    retention_days: 90\n    gpc: true", "    retention_days: 60\n    gpc: true"),
	} {
		t.Run(name, func(t *testing.T) {
			db := storagetest.DB(t)
			var told []fill.Progress
			put(t, db, fill.Options{Policy: p, Events: 60_000, Days: 12, Seed: 7, Now: time.Now(), Progress: func(p fill.Progress) { told = append(told, p) }})
			if len(told) != 12 || told[11].Days != 12 {
				t.Errorf("told of %d days", len(told))
			}
			for query, bounds := range map[string][2]float64{
				"(SELECT count() FROM events)":                                                                                 {57_000, 63_000},
				"(SELECT countIf(name = 'pageview') / uniqExact(session_id) FROM events)":                                      {4.8, 5.2},
				"(SELECT uniqExact(session_id) / uniqExact(consent_id) FROM events)":                                           {2.3, 2.5},
				"(SELECT count() FROM (SELECT session_id FROM events GROUP BY session_id HAVING uniqExact(toDate(time)) > 1))": {0, 0},
				// Each visit is on a day of its own.
				"(SELECT count() FROM (SELECT consent_id, toDate(time) AS d FROM events GROUP BY consent_id, d HAVING uniqExact(session_id) > 1))": {0, 0},
				"(SELECT countIf(name = 'engagement') / countIf(name = 'pageview') FROM events)":                                                   {1, 1},
				"(SELECT countIf(name = 'engagement' AND engaged_ms = 0) FROM events)":                                                             {0, 0},
				"(SELECT countIf(name NOT IN ('pageview', 'engagement')) / count() FROM events)":                                                   {0.01, 0.03},
				"(SELECT max(n) FROM (SELECT uniqExact(browser, os, country) AS n FROM events WHERE name = 'pageview' GROUP BY consent_id))":       {1, 1},
				"(SELECT max(n) FROM (SELECT uniqExact(ip) AS n FROM events GROUP BY session_id))":                                                 {1, 1},
				"(SELECT uniqExact(path) FROM events)":                                                                                             {1500, 2001},
				"(SELECT count() FROM consents) - (SELECT uniqExact(consent_id) FROM events)":                                                      {0, 0},
			} {
				if n := number(t, query); n < bounds[0] || n > bounds[1] {
					t.Errorf("%s = %g, want %g to %g", query, n, bounds[0], bounds[1])
				}
			}
			report, err := audit.Run(t.Context(), audit.Options{Conn: db.Maintenance(), Rights: db.Rights(), Reports: db.Reports(), Settle: 1, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Violated() {
				t.Errorf("the audit: %s: %d, %v", r.ID, r.Count, r.Examples)
			}
		})
	}
}

// One seed makes one database, another one another.
func TestSeed(t *testing.T) {
	db := storagetest.DB(t)
	o := fill.Options{Policy: site(t), Events: 5000, Days: 5, Now: time.Now()}
	var sums []float64
	for _, seed := range []uint64{1, 1, 2} {
		for _, table := range []string{"events", "consents", "outcomes"} {
			if err := db.Maintenance().Exec(t.Context(), "TRUNCATE TABLE "+table); err != nil {
				t.Fatal(err)
			}
		}
		o.Seed = seed
		put(t, db, o)
		sums = append(sums, number(t, "(SELECT sum(cityHash64(*) % 1000000007) FROM events)"))
	}
	if sums[0] != sums[1] || sums[0] == sums[2] {
		t.Errorf("seeds 1, 1 and 2 made %v", sums)
	}
}

func TestRefuses(t *testing.T) {
	db := storagetest.DB(t)
	whole := fill.Options{Policy: site(t), Events: 1, Now: time.Now()}
	for name, change := range map[string]func(*fill.Options){
		"no policy": func(o *fill.Options) { o.Policy = nil }, "no events": func(o *fill.Options) { o.Events = 0 },
		"no moment": func(o *fill.Options) { o.Now = time.Time{} }, "too many days": func(o *fill.Options) { o.Days = 366 },
		"fewer days": func(o *fill.Options) { o.Days = -1 }, "fewer pages": func(o *fill.Options) { o.Paths = -1 },
	} {
		o := whole
		change(&o)
		if err := fill.Fill(t.Context(), db.Maintenance(), o); err == nil {
			t.Errorf("%s: it was filled", name)
		}
	}
	if diff := cmp.Diff(0.0, number(t, "(SELECT count() FROM consents)")); diff != "" {
		t.Errorf("something was filled in: %s", diff)
	}
}

// The budget of the disk: bytes an event, of both tables that hold what belongs to
// events, with marks and keys, every column filled, after merges. What is small
// compresses worse than what is large: docs/benchmarks.md has that figure.
func TestBytesAnEvent(t *testing.T) {
	const most = 13.0 // of so few; the promise is 17
	db := storagetest.DB(t)
	put(t, db, fill.Options{Policy: everything(t), Events: 300_000, Days: 4, Now: time.Now()})
	if err := db.Maintenance().Exec(t.Context(), "OPTIMIZE TABLE events FINAL"); err != nil {
		t.Fatal(err)
	}
	const size = "(SELECT sum(data_compressed_bytes + marks_bytes + primary_key_size) FROM system.parts WHERE active AND database = 'kelisim' AND table IN ('events', 'addresses'))"
	for _, column := range []string{"path", "utm_term", "click", "region", "city", "browser_version", "device", "channel"} {
		if number(t, "(SELECT countIf("+column+" != '') FROM events)") == 0 {
			t.Errorf("nothing stands in %s", column)
		}
	}
	got, views := number(t, size+" / (SELECT count() FROM events)"), number(t, size+" / (SELECT countIf(name = 'pageview') FROM events)")
	t.Logf("%.2f bytes an event, %.2f a page view", got, views)
	if got > most {
		t.Errorf("%.2f bytes an event, at most %g", got, most)
	}
}
