package erasure_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/consent"
	"kelisim/pipeline/outcome"
	"kelisim/storage/storagetest/person"
)

// visit leaves two page views, an engaged time and a declared event.
func visit(t *testing.T, s *person.Site, p *person.Person) {
	t.Helper()
	page := p.View("/a")
	s.Visit(t, p, page, p.Engaged(page, time.Second), p.Signup(), p.View("/b"))
}

const rowsOfAVisit = 4

// parts counts what is left of everything in the parts of a table, also in those
// that a mutation has replaced.
const parts = "SELECT sum(rows) FROM system.parts WHERE database = 'kelisim' AND active AND table = "

func TestWithdrawn(t *testing.T) {
	w := newWorld(t)
	stays, first, second := w.Accept(t), w.Accept(t), w.Accept(t)
	for _, p := range []*person.Person{stays, first, second} {
		visit(t, w.Site, p)
	}
	w.flush(t)
	if open := w.pass(t); open != 0 || w.number(t, "SELECT count() FROM events") != 3*rowsOfAVisit {
		t.Fatalf("without a withdrawal: %d jobs", open)
	}

	w.Withdraw(t, first)
	w.Withdraw(t, second)
	w.flush(t)
	if open := w.pass(t); open != 2 {
		t.Errorf("%d jobs are open, want 2", open)
	}
	left := map[string]int{
		"SELECT count() FROM events": rowsOfAVisit,
		networks:                     rowsOfAVisit,
		parts + "'events'":           rowsOfAVisit,
		"SELECT count() FROM events WHERE consent_id = '" + stays.Decision.ID().String() + "'": rowsOfAVisit,
		"SELECT count() FROM consents":                           5, // the proof stays
		"SELECT count() FROM erasures WHERE done_at IS NOT NULL": 0,
	}
	w.counts(t, left)
	w.finish(t)
	left["SELECT count() FROM erasures WHERE done_at IS NOT NULL"] = 2
	left["SELECT uniqExact(id) FROM erasures"] = 2
	w.counts(t, left)
	var sum uint64
	rows, err := w.admin.Query(t.Context(), "SELECT consent_id, kind, requested_at, done_at, rows FROM erasures WHERE done_at IS NOT NULL")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var (
			id              uuid.UUID
			kind            string
			requested, done time.Time
			n               uint64
		)
		if err := rows.Scan(&id, &kind, &requested, &done, &n); err != nil {
			t.Fatal(err)
		}
		if kind != "withdrawn" || !done.After(requested) || consent.ID(id) == stays.Decision.ID() {
			t.Errorf("certificate: %s %s, asked %s, done %s", id, kind, requested, done)
		}
		sum += n
	}
	if want := uint64(2 * rowsOfAVisit); sum != want {
		t.Errorf("the certificates say %d rows, want %d", sum, want)
	}
	if open := w.pass(t); open != 0 || w.number(t, "SELECT count() FROM erasures") != 4 {
		t.Error("a closed job was done again")
	}
}

// networks counts the events that hold one.
const networks = "SELECT count() FROM events WHERE ip != toIPv6('::')"

func whose(p *person.Person) string { return "consent_id = '" + p.Decision.ID().String() + "'" }

// age puts somebody's networks where an older version kept them.
func (w *world) age(t *testing.T, p *person.Person) {
	t.Helper()
	for _, s := range []string{
		"INSERT INTO addresses SELECT site, consent_id, session_id, seq, name, ip, ip_expires_at FROM events WHERE ip != toIPv6('::') AND " + whose(p),
		"ALTER TABLE events UPDATE ip = toIPv6('::'), ip_expires_at = toDateTime(0, 'UTC') WHERE " + whose(p) + " SETTINGS mutations_sync = 2",
	} {
		if err := w.admin.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNarrowed takes each field back by itself. Only it goes, and what stands on
// it.
func TestNarrowed(t *testing.T) {
	const zero = "toUUID('00000000-0000-0000-0000-000000000000')"
	for _, test := range []struct {
		lost      consent.Field
		gone      string // condition on events under which something of it is left
		rows      int    // of the visit that stay
		networks  int    // that stay
		addresses int    // of a visit from before the networks stood in events that stay
	}{
		{consent.FieldPage, "path != '' OR name IN ('pageview', 'engagement')", 1, 1, 1},
		{consent.FieldReferrer, "referrer != '' OR source != '' OR channel != ''", 4, 4, 4},
		{consent.FieldCampaign, "utm_source != '' OR click != '' OR source != '' OR channel != ''", 4, 4, 4},
		{consent.FieldCountry, "country != ''", 4, 4, 4},
		{consent.FieldRegion, "region != ''", 4, 4, 4},
		{consent.FieldCity, "city != ''", 4, 4, 4},
		{consent.FieldAddress, "ip != toIPv6('::')", 4, 0, 0},
		{consent.FieldBrowser, "browser != '' OR browser_version != ''", 4, 4, 4},
		{consent.FieldOS, "os != ''", 4, 4, 4},
		{consent.FieldDevice, "device != ''", 4, 4, 4},
		{consent.FieldSession, "name = 'engagement' OR session_id != " + zero, 3, 3, 0},
		{consent.FieldVisitor, "visitor", 4, 4, 4},
		{consent.FieldEvents, "name = 'signup'", 3, 3, 3},
		{consent.FieldEngagement, "name = 'engagement'", 3, 3, 3},
	} {
		t.Run(test.lost.String(), func(t *testing.T) {
			w := newWorld(t)
			p, old, other := w.Accept(t), w.Accept(t), w.Accept(t)
			for _, who := range []*person.Person{p, old, other} {
				visit(t, w.Site, who)
			}
			w.flush(t)
			w.age(t, old)
			w.Narrow(t, p, test.lost)
			w.Narrow(t, old, test.lost)
			w.flush(t)
			w.finish(t)
			of, ofOld := whose(p), whose(old)
			ofOther := whose(other)
			w.counts(t, map[string]int{
				"SELECT count() FROM events WHERE (" + of + " OR " + ofOld + ") AND (" + test.gone + ")":                   0,
				"SELECT count() FROM events WHERE " + of:                                                                   test.rows,
				"SELECT count() FROM events WHERE " + ofOld:                                                                test.rows,
				networks + " AND " + of:                                                                                    test.networks,
				"SELECT count() FROM addresses WHERE " + ofOld:                                                             test.addresses,
				"SELECT count() FROM events_full WHERE ip != toIPv6('::') AND " + ofOld:                                    test.addresses,
				"SELECT count() FROM events WHERE " + ofOther:                                                              rowsOfAVisit,
				"SELECT count() > 0 FROM events WHERE click != '' AND source != '' AND channel != '' AND " + ofOther:       1,
				networks + " AND " + ofOther:                                                                               rowsOfAVisit,
				"SELECT count() FROM erasures WHERE kind = 'narrowed' AND number = 2 AND done_at IS NOT NULL AND rows > 0": 2,
				// Every other column that the visit filled is still filled.
				"SELECT uniqExact(consent_id) FROM events WHERE (referrer != '' OR " + of + " OR " + ofOld + ") AND expires_at > now()": 3,
			})
			// What comes under the new choice is not touched.
			page := p.View("/new")
			r := w.Send(t, p, page)
			w.flush(t)
			if want := int(r.Accepted); w.number(t, "SELECT count() FROM events WHERE number = 2 AND "+of) != want {
				t.Errorf("rows of the new choice: want %d", want)
			}
		})
	}
}

// TestNarrowedAtOnce loses several fields in one choice, and a second choice
// after it.
func TestNarrowedAtOnce(t *testing.T) {
	w := newWorld(t)
	p := w.Accept(t)
	visit(t, w.Site, p)
	w.flush(t)
	w.Narrow(t, p, consent.FieldReferrer, consent.FieldCountry, consent.FieldEngagement)
	w.Visit(t, p, p.View("/c"))
	w.flush(t)
	w.Narrow(t, p, consent.FieldReferrer, consent.FieldCountry, consent.FieldEngagement, consent.FieldVisitor)
	w.flush(t)
	w.finish(t)
	w.counts(t, map[string]int{
		"SELECT count() FROM events": 4,
		"SELECT count() FROM events WHERE visitor OR country != '' OR referrer != ''":  0,
		"SELECT count() FROM events WHERE browser = 'Chrome' AND utm_source != ''":     3, // the declared event carries no campaign
		"SELECT count() FROM erasures WHERE kind = 'narrowed' AND done_at IS NOT NULL": 2,
		"SELECT count() FROM events WHERE name = 'engagement'":                         0,
		networks: 4,
	})
}

func TestDemanded(t *testing.T) {
	w := newWorld(t)
	p, other := w.Accept(t), w.Accept(t)
	visit(t, w.Site, p)
	visit(t, w.Site, other)
	w.flush(t)
	w.forward(time.Second)
	job := w.Demand(t, p).Job()
	w.forward(time.Second)
	w.Visit(t, p, p.View("/after")) // the consent stands
	w.flush(t)
	w.finish(t)
	of := "consent_id = '" + p.Decision.ID().String() + "'"
	w.counts(t, map[string]int{
		"SELECT count() FROM events WHERE " + of:                     1,
		"SELECT count() FROM events WHERE path = '/after' AND " + of: 1,
		"SELECT count() FROM events WHERE NOT " + of:                 rowsOfAVisit,
		networks + " AND NOT " + of:                                  rowsOfAVisit,
		networks + " AND seq <= 3 AND " + of:                         0,
		"SELECT count() FROM erasures WHERE done_at IS NOT NULL":     1,
	})
	if n := w.number(t, "SELECT sum(rows) FROM erasures WHERE id = ? AND kind = 'erased'", job); n < rowsOfAVisit {
		t.Errorf("the certificate says %d rows, want at least %d", n, rowsOfAVisit)
	}
	if r := w.Send(t, p, p.View("/still")); r.Accepted != 1 {
		t.Errorf("after the erasure: %v", r.Drops.Drops())
	}
}

// TestDemandedAfterACrash: a crash after the rows were erased and before
// the networks were leaves nothing in the end.
func TestDemandedAfterACrash(t *testing.T) {
	w := newWorld(t)
	p := w.Accept(t)
	visit(t, w.Site, p)
	w.flush(t)
	w.age(t, p)
	w.forward(time.Second)
	w.Demand(t, p)
	w.flush(t)
	// The statements of a pass come one after another; this one is cut short by
	// taking the right to the second table away.
	if err := w.admin.Exec(t.Context(), "RENAME TABLE addresses TO addresses_away"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.eraser.Pass(t.Context()); err == nil {
		t.Fatal("a pass without the table of networks went well")
	}
	if err := w.admin.Exec(t.Context(), "RENAME TABLE addresses_away TO addresses"); err != nil {
		t.Fatal(err)
	}
	w.eraser = w.newEraser(t)
	w.finish(t)
	w.counts(t, map[string]int{"SELECT count() FROM events": 0, "SELECT count() FROM addresses": 0})
}

// TestClosesAfterEveryNode: a job stays open until each live node has said that
// nothing from before can still come from it.
func TestClosesAfterEveryNode(t *testing.T) {
	w := newWorld(t)
	two := person.NewSite(t, t.TempDir(), w.now)
	p := w.Accept(t)
	w.flush(t)
	w.flushAs(t, two, "two")
	two.Visit(t, p, p.View("/elsewhere")) // accepted at the other node, and waits there
	w.Withdraw(t, p)
	w.flush(t)
	if open := w.pass(t); open != 1 {
		t.Fatalf("%d jobs are open, want 1", open)
	}
	w.forward(margin + time.Second)
	w.flush(t)
	if open := w.pass(t); open != 1 {
		t.Error("the job was closed although one node has said nothing since")
	}
	w.flushAs(t, two, "two")
	if open := w.pass(t); open != 0 {
		t.Error("the job stays open although both nodes are past it")
	}
	w.counts(t, map[string]int{
		"SELECT count() FROM events": 0,
		"SELECT sum(n) FROM outcomes WHERE outcome = 'withdrawn' AND node = 'two'": 1,
	})
	if !two.Revoked.Covers(p.Decision.ID(), 1) {
		t.Error("the other node does not know of the withdrawal")
	}
	if r := two.Send(t, p, p.View("/later")); r.Drops[outcome.Withdrawn] != 1 {
		t.Errorf("the other node drops as %v", r.Drops.Drops())
	}
}

// TestGivesUpOnADeadNode: a node that has been silent for long holds nothing up.
func TestGivesUpOnADeadNode(t *testing.T) {
	w := newWorld(t)
	dead := person.NewSite(t, t.TempDir(), w.now)
	p := w.Accept(t)
	w.flushAs(t, dead, "dead")
	w.Withdraw(t, p)
	w.flush(t)
	w.pass(t)
	w.forward(6 * time.Minute)
	w.flush(t)
	if open := w.pass(t); open != 0 {
		t.Error("a node that has been silent for six minutes keeps the job open")
	}
}

// TestJobThatComesLate: a withdrawal that reaches the database long after it was
// made is not closed by watermarks from before it came.
func TestJobThatComesLate(t *testing.T) {
	w := newWorld(t)
	cut := person.NewSite(t, t.TempDir(), w.now) // a node without its database for a while
	p := w.Accept(t)
	visit(t, w.Site, p)
	w.flush(t)
	cut.Withdraw(t, p)
	w.forward(2 * time.Minute)
	w.flush(t) // long after the withdrawal, and this node still knows nothing of it
	w.flushAs(t, cut, "two")
	if open := w.pass(t); open != 1 {
		t.Error("the job was closed by a watermark that knew nothing of it")
	}
	w.forward(margin + time.Second)
	w.flush(t)
	w.flushAs(t, cut, "two")
	if open := w.pass(t); open != 0 {
		t.Error("the job stays open")
	}
	w.counts(t, map[string]int{"SELECT count() FROM events": 0})
}
