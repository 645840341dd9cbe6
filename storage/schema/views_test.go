package schema_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/storage"
	"kelisim/storage/storagetest"
)

// put stores one event, and with an address life its network.
func put(t *testing.T, db *storage.DB, consentID uuid.UUID, seq uint32, life, addressLife time.Duration) {
	t.Helper()
	ip, ends := "::", time.Unix(0, 0)
	if addressLife != 0 {
		ip, ends = "::ffff:203.0.113.0", time.Now().Add(addressLife)
	}
	err := db.Writer().Exec(t.Context(), `INSERT INTO events (site, time, name, consent_id, seq, path, ip, ip_expires_at, expires_at)
VALUES ('shop', now64(3), 'pageview', ?, ?, '/', ?, ?, ?)`, consentID, seq, ip, ends, time.Now().Add(life))
	if err != nil {
		t.Fatal(err)
	}
}

func TestEventsFullShowsNothingPastItsTerm(t *testing.T) {
	db := storagetest.DB(t)
	// What is past its term is dropped by the next merge; it must be invisible before.
	for _, table := range []string{"events", "addresses"} {
		if err := db.Maintenance().Exec(t.Context(), "ALTER TABLE "+table+" MODIFY SETTING merge_with_ttl_timeout = 1000000"); err != nil {
			t.Fatal(err)
		}
	}
	if err := storagetest.Admin(t).Exec(t.Context(), "SYSTEM STOP MERGES"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := storagetest.Admin(t).Exec(context.Background(), "SYSTEM START MERGES"); err != nil {
			t.Error(err)
		}
	})
	id := uuid.New()
	const day = 24 * time.Hour
	put(t, db, id, 1, 90*day, 7*day)
	put(t, db, id, 2, 90*day, -day)
	put(t, db, id, 3, 90*day, 0)
	put(t, db, id, 4, -time.Second, -time.Second)

	var held uint64
	if err := storagetest.Admin(t).QueryRow(t.Context(), "SELECT count() FROM events").Scan(&held); err != nil || held != 4 {
		t.Fatalf("the table holds %d rows, %v; want 4", held, err)
	}
	rows, err := db.Rights().Query(t.Context(),
		"SELECT seq, ip FROM events_full WHERE site = 'shop' AND consent_id = ? ORDER BY seq", id)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	want := map[uint32]string{1: "203.0.113.0", 2: "::", 3: "::"}
	for rows.Next() {
		var (
			seq uint32
			ip  netip.Addr
		)
		if err := rows.Scan(&seq, &ip); err != nil {
			t.Fatal(err)
		}
		if got := ip.Unmap().String(); got != want[seq] {
			t.Errorf("row %d: ip %s, want %q", seq, got, want[seq])
		}
		delete(want, seq)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(want) != 0 {
		t.Errorf("rows not shown: %v", want)
	}
}

// Both sides of the view's join must read by the key: a person's page may not
// cost a scan of the table of addresses.
func TestEventsFullReadsByKey(t *testing.T) {
	db := storagetest.DB(t)
	put(t, db, uuid.New(), 1, time.Hour, time.Hour)
	execute(t, db.Writer(), "INSERT INTO addresses SELECT site, consent_id, session_id, seq, name, ip, ip_expires_at FROM events")
	rows, err := db.Maintenance().Query(t.Context(),
		"EXPLAIN indexes = 1 SELECT seq, ip FROM events_full WHERE site = 'shop' AND consent_id = ?", uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if n := strings.Count(plan.String(), "consent_id in"); n != 2 {
		t.Errorf("the key narrows %d of 2 tables:\n%s", n, plan.String())
	}
}
