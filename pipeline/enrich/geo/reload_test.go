package geo_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"go.uber.org/goleak"

	"kelisim/pipeline/enrich/geo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// look runs the database for long enough to look at its files once more, and waits
// for what is expected of the country of the visitor.
func look(t *testing.T, d *geo.Database, want string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	defer wg.Wait()
	defer stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 10000 {
		<-tick.C
		if d.Place(visitor).Country == want {
			return
		}
	}
	t.Fatalf("the visitor is in %q, want %q", d.Place(visitor).Country, want)
}

const often = 5 * time.Millisecond

// TestReload follows a file through its life.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	path, fallback := filepath.Join(dir, "wanted.mmdb"), filepath.Join(dir, "fallback.mmdb")
	put(t, fallback, countries(t, "FR"))
	d, log := open(t, geo.Options{Path: path, Fallback: fallback, Every: often})
	if got := d.Place(visitor).Country; got != "FR" {
		t.Fatalf("without the file the fallback says %q", got)
	}
	if s := d.Status(); s.Wanted.InUse || !s.Fallback.InUse || s.Wanted.Problem == "" || s.Fallback.Problem != "" {
		t.Errorf("the status is %+v", s)
	}
	put(t, path, countries(t, "KZ")) // it appears later
	look(t, d, "KZ")
	put(t, path, countries(t, "DE")) // it is replaced
	look(t, d, "DE")
	if err := os.Remove(path); err != nil { // it goes
		t.Fatal(err)
	}
	waitProblem(t, d, "there is no file")
	look(t, d, "DE")
	put(t, path, []byte("rubbish")) // it comes back damaged
	waitProblem(t, d, "damaged")
	look(t, d, "DE")
	put(t, path, countries(t, "SE")) // and whole
	look(t, d, "SE")
	if s := d.Status(); !s.Wanted.InUse || s.Wanted.Problem != "" || s.Wanted.Type != "Test-Country" || !s.Wanted.Built.Equal(built) || s.Fallback.InUse {
		t.Errorf("the status is %+v", s)
	}
	if n := strings.Count(log.String(), "\n"); n != 7 {
		t.Errorf("%d lines are logged for seven changes:\n%s", n, log)
	}
}

// waitProblem runs the database until a problem of the wanted file is noted.
func waitProblem(t *testing.T, d *geo.Database, text string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	defer wg.Wait()
	defer stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 10000 {
		<-tick.C
		if strings.Contains(d.Status().Wanted.Problem, text) {
			return
		}
	}
	t.Fatalf("%q is not noted: %+v", text, d.Status())
}

// TestReloadUnderLookups: while the file is replaced again and again, every lookup
// answers from a whole file, the old one or the new.
func TestReloadUnderLookups(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.mmdb")
	files := map[string][]byte{"KZ": countries(t, "KZ"), "DE": countries(t, "DE")}
	put(t, path, files["KZ"])
	d, _ := open(t, geo.Options{Path: path, Every: time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	var seen [8]map[string]int
	var lookups atomic.Int64
	for g := range seen {
		seen[g] = map[string]int{}
		wg.Go(func() {
			for ctx.Err() == nil {
				seen[g][d.Place(visitor).Country]++
				lookups.Add(1)
			}
		})
	}
	for i := range 40 {
		code := []string{"DE", "KZ"}[i%2]
		put(t, path, files[code])
		tick := time.NewTicker(time.Millisecond)
		for range 10000 {
			if <-tick.C; d.Place(visitor).Country == code {
				break
			}
		}
		tick.Stop()
	}
	stop()
	wg.Wait()
	for g, countries := range seen {
		for code, n := range countries {
			if files[code] == nil {
				t.Errorf("goroutine %d got %q %d times", g, code, n)
			}
		}
	}
	t.Logf("%d lookups over 40 replacements", lookups.Load())
}

// TestBadFiles: each kind of bad file is named, with what follows and what to do,
// and the fallback stands in.
func TestBadFiles(t *testing.T) {
	good := countries(t, "KZ")
	random := make([]byte, 1<<16)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(source.Uint32())
	}
	dir := t.TempDir()
	fallback := filepath.Join(dir, "fallback.mmdb")
	put(t, fallback, countries(t, "FR"))
	for name, test := range map[string]struct {
		content []byte
		want    []string
	}{
		"empty":     {nil, []string{"empty or too large"}},
		"text":      {[]byte("this is no database"), []string{"damaged"}},
		"random":    {random, []string{"damaged"}},
		"truncated": {good[:len(good)/2], []string{"damaged"}},
		"headless":  {good[len(good)/2:], []string{"damaged"}},
		"asn": {database(t, mmdbwriter.Options{DatabaseType: "GeoLite2-ASN"}, map[string]mm{
			"203.0.113.0/24": {"autonomous_system_organization": str("Example LLP")},
		}), []string{"no database of countries", "GeoLite2-ASN", "City or Country"}},
		"other": {database(t, mmdbwriter.Options{DatabaseType: "Other"}, map[string]mm{
			"203.0.113.0/24": {"country": str("KZ")},
		}), []string{"no database of countries", "Other"}},
		"void": {database(t, mmdbwriter.Options{DatabaseType: "Void"}, nil), []string{"no database of countries", "Void"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "places.mmdb")
			put(t, path, test.content)
			d, log := open(t, geo.Options{Path: path, Fallback: fallback})
			if got := d.Place(visitor).Country; got != "FR" {
				t.Errorf("the fallback says %q", got)
			}
			line, _, _ := strings.Cut(log.String(), "\n")
			for _, want := range append(test.want, "level=WARN", path, "the fallback is tried", "remedy=") {
				if !strings.Contains(line, want) {
					t.Errorf("%q is missing in %s", want, line)
				}
			}
		})
	}
	t.Run("folder", func(t *testing.T) {
		d, log := open(t, geo.Options{Path: dir})
		if got := d.Place(visitor).Country; got != "" || !strings.Contains(log.String(), "not a regular file") || !strings.Contains(log.String(), "no places are known") {
			t.Errorf("%q, %s", got, log)
		}
	})
}

// TestOldFile is used and complained of, once.
func TestOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.mmdb")
	put(t, path, countries(t, "KZ"))
	later := func() time.Time { return built.Add(181 * 24 * time.Hour) }
	d, log := open(t, geo.Options{Path: path, Now: later, Every: often})
	look(t, d, "KZ")
	if s := d.Status().Wanted; !s.InUse || !s.Old || s.Age != 181*24*time.Hour {
		t.Errorf("the status is %+v", s)
	}
	if strings.Count(log.String(), "is old") != 1 || !strings.Contains(log.String(), "days=181") {
		t.Errorf("the log is %s", log)
	}
	_, log = open(t, geo.Options{Path: path, Now: func() time.Time { return built.Add(180 * 24 * time.Hour) }})
	if strings.Contains(log.String(), "is old") {
		t.Errorf("a file of 180 days is called old: %s", log)
	}
}

// TestFlippedBytes: whatever byte is damaged, the file is refused or its places
// look like places; nothing panics.
func TestFlippedBytes(t *testing.T) {
	good := database(t, mmdbwriter.Options{DatabaseType: "Test-City"}, map[string]mm{
		"203.0.113.0/24": full("KZ", "75", "Almaty"), "2400::/16": full("JP", "13", "Tokyo"),
	})
	path := filepath.Join(t.TempDir(), "places.mmdb")
	source := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for range 1500 {
		bad := bytes.Clone(good)
		for range 1 + source.IntN(3) {
			bad[source.IntN(len(bad))] ^= 1 << source.IntN(8)
		}
		put(t, path, bad)
		d, _ := open(t, geo.Options{Path: path})
		if d.Status().Wanted.Problem != "" {
			refused++
		}
		checkPlace(t, d.Place(visitor))
	}
	if refused == 0 {
		t.Error("no damage is ever noticed")
	}
	t.Logf("%d of 1500 damaged files are refused", refused)
}
