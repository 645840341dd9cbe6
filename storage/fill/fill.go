// Package fill puts as many events into a database as a large test wants, faster
// than any collector could: the database makes them itself. They are what honest
// visitors leave under a site's policy, decisions and counters included, so that
// the audit finds nothing in them.
//
// A visitor comes 2.4 times on different days and looks at 5 pages; each page view
// has its engaged time, and now and then a declared event. Pages, campaigns and
// sources are drawn by Zipf's law; browser, system, device and country stay with
// the visitor, the network of the address with the visit. One visitor in eight
// grants only the first purpose.
package fill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/storage/editions"
)

// Options say what is filled in.
type Options struct {
	Policy   *policy.Policy // of the site; it must license pages and sessions with its first purpose
	Events   uint64         // about how many
	Days     int            // that they are spread over, the last being yesterday; default 30
	Paths    int            // different pages; default 2,000
	Seed     uint64         // another seed gives other visitors
	Now      time.Time      // the moment that expiry is judged by
	Progress func(Progress) // told after each day; default none
}

// Progress is how far a filling is.
type Progress struct {
	Days, OfDays int
	Events       uint64 // about how many stand
}

const (
	defaultDays  = 30
	defaultPaths = 2000
	node         = "fill"
	// What the distributions in the SQL come to.
	visitsAVisitor = 2.4
	pagesAVisit    = 5
	actsAPage      = 1.0 / 25
	mostVisits     = 8
	// rowsAnInsert bounds the memory of one insert.
	rowsAnInsert = 4_000_000
)

// Fill makes the events. The connection is that of the maintenance role, and the
// database must be migrated.
func Fill(ctx context.Context, conn driver.Conn, o Options) error {
	f, err := newFilling(conn, o)
	if err != nil {
		return err
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_partitions_per_insert_block": 0, "max_execution_time": 0, "max_memory_usage": 0, "max_threads": 0, "max_insert_threads": 2,
		"min_insert_block_size_rows": 1 << 20, "min_insert_block_size_bytes": 1 << 30,
	}))
	if err := editions.Archive(ctx, conn, []editions.Edition{{
		Site: o.Policy.Site, Hash: o.Policy.HashString(), Number: o.Policy.Issue.Number, Effective: o.Policy.Issue.Date(), Document: o.Policy.Document(),
	}}); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	if err := f.exec(ctx, "decisions", f.decisions()); err != nil {
		return err
	}
	for day := range f.o.Days {
		if err := f.day(ctx, day); err != nil {
			return err
		}
		if o.Progress != nil {
			o.Progress(Progress{Days: day + 1, OfDays: f.o.Days, Events: f.o.Events * uint64(day+1) / uint64(f.o.Days)})
		}
	}
	return f.exec(ctx, "outcomes", f.outcomes())
}

// filling is one filling under way.
type filling struct {
	conn     driver.Conn
	o        Options
	edition  *consent.Edition
	licence  licence
	visitors uint64
	acts     bool
}

func newFilling(conn driver.Conn, o Options) (*filling, error) {
	if conn == nil || o.Policy == nil || o.Events == 0 || o.Now.IsZero() {
		return nil, errors.New("fill: connection, policy, number of events and moment are all needed")
	}
	if o.Days == 0 {
		o.Days = defaultDays
	}
	if o.Paths == 0 {
		o.Paths = defaultPaths
	}
	if o.Days < 1 || o.Days > 365 || o.Paths < 1 {
		return nil, errors.New("fill: 1 to 365 days and at least one page")
	}
	edition, err := o.Policy.Edition()
	if err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	f := &filling{conn: conn, o: o, edition: edition}
	first, _ := edition.ItemsOf([]string{o.Policy.Purposes[0].ID})
	f.licence = licence{edition.Permits(edition.All()), edition.Permits(first)}
	for _, needed := range []consent.Field{consent.FieldPage, consent.FieldSession, consent.FieldEngagement} {
		if !f.licence.part.Fields.Has(needed) {
			return nil, fmt.Errorf("fill: the first purpose of site %s does not license %s", o.Policy.Site, needed)
		}
	}
	f.acts = len(o.Policy.Events) > 0 && f.licence.part.Fields.Has(consent.FieldEvents)
	perPage := 2.0
	if f.acts {
		perPage += actsAPage
	}
	f.visitors = max(1, uint64(float64(o.Events)/(f.visits()*pagesAVisit*perPage)))
	return f, nil
}

// visits is how often a visitor comes in so many days.
func (f *filling) visits() float64 {
	sum := 0
	for _, n := range visitCounts() {
		sum += min(n, f.o.Days)
	}
	return float64(sum) / float64(len(visitCounts()))
}

// visitCounts is how often visitors come, each as likely as the other.
func visitCounts() []int {
	return []int{1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, mostVisits}
}

func (f *filling) exec(ctx context.Context, what, query string) error {
	if err := f.conn.Exec(ctx, query); err != nil {
		return fmt.Errorf("fill: %s: %w", what, err)
	}
	return nil
}

// day fills in one day, the oldest being 0.
func (f *filling) day(ctx context.Context, day int) error {
	rows := float64(f.o.Events) / float64(f.o.Days)
	parts := uint64(rows/rowsAnInsert) + 1
	for i := range parts {
		from, to := f.visitors*i/parts, f.visitors*(i+1)/parts
		if err := f.exec(ctx, "events", f.events(day, from, to)); err != nil {
			return err
		}
	}
	return nil
}

// date is a day of the filling.
func (f *filling) date(day int) time.Time {
	return f.o.Now.UTC().Truncate(24*time.Hour).AddDate(0, 0, day-f.o.Days)
}
