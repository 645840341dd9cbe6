package schema_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"kelisim/storage/schema"
	"kelisim/storage/storagetest"
)

// networksInEvents is the migration that gave networks a place in their events.
const networksInEvents = 30

// migrateBefore brings a database to the schema before a migration, as an older
// version of the program did.
func migrateBefore(t *testing.T, conn driver.Conn, version int) {
	t.Helper()
	all, err := schema.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Pending(t.Context(), conn); err != nil { // a database without the table of migrations
		t.Fatal(err)
	}
	execute(t, conn, "CREATE TABLE schema_migrations (version UInt32, name String, hash String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) "+
		"ENGINE = ReplacingMergeTree(applied_at) ORDER BY version")
	for _, m := range all {
		if m.Version >= version {
			break
		}
		execute(t, conn, schema.Split(m.Text)...)
		execute(t, conn, fmt.Sprintf("INSERT INTO schema_migrations (version, name, hash) VALUES (%d, '%s', '%s')", m.Version, m.Name, m.Hash))
	}
}

func execute(t *testing.T, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// texts reads the one column of a query.
func texts(t *testing.T, conn driver.Conn, query string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// What an older version stored is the same after the migration: every value of
// every row, and the networks that are not past their term. Its nodes, which go on
// for a while, write as before.
func TestNetworksOfOlderVersionsStay(t *testing.T) {
	db := storagetest.DBWith(t, storagetest.Options{Empty: true})
	conn := db.Maintenance()
	migrateBefore(t, conn, networksInEvents)
	older := []string{
		`INSERT INTO events (site, time, name, consent_id, number, session_id, seq, visitor, path, referrer, utm_source, country, browser, props, engaged_ms, expires_at)
SELECT 'shop', toDateTime64(today(), 3, 'UTC') - toIntervalMillisecond(cityHash64(number) % 400000000) AS at, ['pageview', 'engagement', 'signup'][number % 3 + 1],
    reinterpret(sipHash128(intDiv(number, 20)), 'UUID'), 1, if(number % 7 = 0, toUUID('00000000-0000-0000-0000-000000000000'), reinterpret(sipHash128(intDiv(number, 10), 1), 'UUID')),
    number % 10 + 1, true, concat('/page/', toString(number % 50)), 'r.example', 'news', 'KZ', 'Chrome', map('plan', toString(number)), number, toDateTime(toDate(at) + 90, 'UTC')
FROM numbers(3000)`,
		`INSERT INTO addresses (site, consent_id, session_id, seq, name, ip, expires_at)
SELECT site, consent_id, session_id, seq, name, toIPv6(concat('::ffff:10.', toString(engaged_ms % 200), '.7.0')), toDateTime(toDate(time) + 30, 'UTC')
FROM events WHERE engaged_ms % 4 != 0`,
	}
	execute(t, conn, older...)
	const shown = "SELECT toString(tuple(*)) FROM events_full ORDER BY engaged_ms"
	before := texts(t, db.Rights(), shown)
	if networks := texts(t, db.Rights(), "SELECT toString(count()) FROM events_full WHERE ip != '::'")[0]; len(before) != 3000 || networks == "0" {
		t.Fatalf("%d rows and %s networks were stored", len(before), networks)
	}
	applied, err := schema.Migrate(t.Context(), conn, schema.Options{})
	if err != nil || len(applied) == 0 {
		t.Fatalf("applied %v, %v", applied, err)
	}
	if diff := cmp.Diff(before, texts(t, db.Rights(), shown)); diff != "" {
		t.Errorf("the rows changed (-before +after):\n%s", diff)
	}
	execute(t, conn, "OPTIMIZE TABLE events FINAL")
	if diff := cmp.Diff(before, texts(t, db.Rights(), shown)); diff != "" {
		t.Errorf("the rows changed with a merge (-before +after):\n%s", diff)
	}
	execute(t, conn, "TRUNCATE TABLE events", "TRUNCATE TABLE addresses")
	execute(t, db.Writer(), older...)
	if diff := cmp.Diff(before, texts(t, db.Rights(), shown)); diff != "" {
		t.Errorf("what a node of an older version writes is another thing (-before +after):\n%s", diff)
	}
}

// A network goes when its own term has passed, out of the file as well, and the
// event stays until its own. What has no network is left alone.
func TestNetworksGoBeforeTheirEvents(t *testing.T) {
	db := storagetest.DB(t)
	admin := storagetest.Admin(t)
	execute(t, db.Maintenance(), "ALTER TABLE events MODIFY SETTING merge_with_ttl_timeout = 1, merge_selecting_sleep_ms = 100, max_merge_selecting_sleep_ms = 200")
	// One partition: networks of 300 events are past their term, of 300 they are
	// not, and 300 have none. Another partition is past its term as a whole.
	execute(t, db.Writer(), `INSERT INTO events (site, time, name, consent_id, seq, path, ip, ip_expires_at, expires_at)
SELECT 'shop', now64(3), 'pageview', generateUUIDv4(), number, '/', if(number < 600, toIPv6('::ffff:203.0.113.0'), toIPv6('::')),
    multiIf(number < 300, now() - 60, number < 600, now() + 3600, toDateTime(0)), toDateTime(today() + 60, 'UTC')
FROM numbers(900)`, `INSERT INTO events (site, time, name, consent_id, seq, path, ip, ip_expires_at, expires_at)
SELECT 'shop', now64(3), 'pageview', generateUUIDv4(), number, '/', toIPv6('::ffff:203.0.113.0'), now() - 60, toDateTime(today() - 1, 'UTC')
FROM numbers(100)`)
	const left = "SELECT concat(toString(count()), ' ', toString(countIf(ip != '::')), ' ', toString(countIf(ip != '::' AND ip_expires_at <= now()))) FROM events"
	want := "900 300 0"
	got := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = texts(t, admin, left)[0]; got == want {
			break
		}
	}
	if got != want {
		t.Fatalf("events, networks, networks past their term: %s, want %s", got, want)
	}
	// It does not begin again and again.
	level := texts(t, admin, "SELECT toString(max(level)) FROM system.parts WHERE database = 'kelisim' AND table = 'events' AND active")[0]
	time.Sleep(2500 * time.Millisecond) // two times the pause between two such merges, and more
	if now := texts(t, admin, "SELECT toString(max(level)) FROM system.parts WHERE database = 'kelisim' AND table = 'events' AND active")[0]; now != level {
		t.Errorf("a part without anything past its term was written again: level %s, then %s", level, now)
	}
}
