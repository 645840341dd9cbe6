package revocation_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/consent"
	"kelisim/storage/embedded"
	"kelisim/storage/revocation"
	"kelisim/storage/schema"
	"kelisim/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(storagetest.Main(m)) }

// revoke writes a row as a node does; recorded is when the database took it.
func revoke(t *testing.T, id consent.ID, lowest uint32, expires, recorded time.Time) {
	t.Helper()
	b, err := storagetest.Admin(t).PrepareBatch(t.Context(),
		"INSERT INTO revocations (site, consent_id, number, lowest, time, node, node_seq, expires_at, recorded_at)")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Append("shop", uuid.UUID(id), lowest, lowest, recorded, "other", uint64(1), expires, recorded); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(); err != nil {
		t.Fatal(err)
	}
}

func poll(t *testing.T, f *revocation.Feed) {
	t.Helper()
	if err := f.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestFollows(t *testing.T) {
	db := storagetest.DB(t)
	set, now := consent.NewRevocations(), time.Now()
	f := revocation.New(db.Writer(), set, func() time.Time { return now })
	if !f.Fresh().IsZero() {
		t.Error("a feed that never polled is fresh")
	}
	poll(t, f)
	if set.Len() != 0 || !f.Fresh().Equal(now) {
		t.Errorf("%d entries from an empty table, fresh since %s", set.Len(), f.Fresh())
	}
	term := time.Date(now.Year()+1, now.Month(), 1, 0, 0, 0, 0, time.UTC)
	withdrawn, narrowed, late, dead := consent.ID{1}, consent.ID{2}, consent.ID{3}, consent.ID{4}
	revoke(t, withdrawn, consent.NothingValid, term, now.Add(-time.Hour))
	revoke(t, narrowed, 3, term, now)
	revoke(t, dead, consent.NothingValid, now.Add(-time.Minute), now)
	poll(t, f)
	for _, c := range []struct {
		id     consent.ID
		number uint32
		want   bool
	}{
		{withdrawn, 1, true}, {withdrawn, 1 << 30, true}, {narrowed, 2, true}, {narrowed, 3, false}, {late, 1, false}, {dead, 1, false},
	} {
		if got := set.Covers(c.id, c.number); got != c.want {
			t.Errorf("consent %d, decision %d: revoked %v, want %v", c.id[0], c.number, got, c.want)
		}
	}

	// A row whose insert took a while becomes visible behind newer ones.
	revoke(t, late, consent.NothingValid, term, now.Add(-time.Minute))
	poll(t, f)
	if !set.Covers(late, 1) {
		t.Error("a row that became visible a minute late is not found")
	}
	// A later, narrower number of the same consent does not widen what is gone.
	revoke(t, withdrawn, 2, term, now.Add(time.Second))
	poll(t, f)
	if !set.Covers(withdrawn, 5) {
		t.Error("a withdrawal was undone")
	}

	// What is over by both clocks goes; by this node's alone, nothing does.
	known := set.Len()
	set.Add(consent.Revocation{ID: consent.ID{1, 2, 3}, Lowest: consent.NothingValid, Expires: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)})
	now = term.Add(time.Second)
	poll(t, f)
	if set.Len() != known {
		t.Errorf("%d entries are kept, %d tokens are alive", set.Len(), known)
	}
}

// TestTwoFeeds: what one node writes, another obeys; a third that starts later
// learns all of it.
func TestTwoFeeds(t *testing.T) {
	db := storagetest.DB(t)
	here := consent.NewRevocations()
	f := revocation.New(db.Writer(), here, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // ends with cancel
		defer close(ended)
		f.Run(ctx, 10*time.Millisecond, slog.New(slog.DiscardHandler))
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for i := range 20 {
		id := consent.ID{byte(i + 1)}
		revoke(t, id, consent.NothingValid, time.Now().AddDate(1, 0, 0), time.Now())
		for end := time.Now().Add(10 * time.Second); !here.Covers(id, 1); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("a withdrawal does not arrive")
			}
		}
	}
	later := consent.NewRevocations()
	poll(t, revocation.New(storagetest.Open(t, nil).Writer(), later, time.Now))
	if later.Len() != 20 {
		t.Errorf("a node that starts later knows %d withdrawals, want 20", later.Len())
	}
}

// TestAway: without the database a poll fails, the freshness stands still, and
// what is known stays known.
func TestAway(t *testing.T) {
	db := storagetest.DB(t)
	set, now := consent.NewRevocations(), time.Now()
	f := revocation.New(db.Writer(), set, func() time.Time { return now })
	revoke(t, consent.ID{1}, consent.NothingValid, now.AddDate(1, 0, 0), now)
	poll(t, f)

	away := revocation.New(nowhere(t), set, func() time.Time { return now.Add(time.Hour) })
	if err := away.Poll(t.Context()); err == nil {
		t.Error("a poll of nothing went well")
	}
	if !away.Fresh().IsZero() || !set.Covers(consent.ID{1}, 1) {
		t.Errorf("fresh since %s, %d entries", away.Fresh(), set.Len())
	}
}

// nowhere is a connection to a port where nobody listens.
func nowhere(t *testing.T) driver.Conn {
	t.Helper()
	access := embedded.Access{Address: "127.0.0.1:1"}
	conn, err := access.Connect(embedded.Credentials{User: "nobody"}, schema.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestFollowsDemands: a demand to erase ends no decision, is kept in the local
// copy, and is forgotten at its term.
func TestFollowsDemands(t *testing.T) {
	db := storagetest.DB(t)
	now := time.Now()
	o := revocation.LocalOptions{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	open := func() *revocation.Local {
		t.Helper()
		l, err := revocation.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	local := open()
	f := revocation.New(db.Writer(), local.Set(), func() time.Time { return now })
	who, term := consent.ID{1}, now.AddDate(0, 0, 35)
	revoke(t, who, 0, term, now)
	poll(t, f)
	check := func(set *consent.Revocations, want bool) {
		t.Helper()
		if set.Covers(who, 1) || set.Len() != 0 {
			t.Error("a demand ended a decision")
		}
		if set.Erased(who, now) != want || set.Erased(who, now.Add(-time.Hour)) != want {
			t.Errorf("what was collected before must go: %v, want %v", !want, want)
		}
		if set.Erased(who, now.Add(time.Second)) || set.Erased(consent.ID{2}, now) {
			t.Error("a demand reaches more than it names")
		}
	}
	check(local.Set(), true)
	if err := local.Save(f); err != nil {
		t.Fatal(err)
	}
	again := open()
	again.Set().Forget(term.Add(-time.Hour))
	check(again.Set(), true)
	again.Set().Forget(term.Add(time.Hour))
	check(again.Set(), false)
}
