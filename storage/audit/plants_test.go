package audit_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kelisim/storage/audit"
	"kelisim/storage/storagetest"
)

// Rows that a plant begins with: a page view of somebody who permitted
// everything, and of somebody who permitted analytics alone. The copy is a visit
// of its own, so that it is no repeat of the row.
const (
	copied = "generateUUIDv4() AS session_id"
	ofAll  = " FROM (SELECT * FROM before_events WHERE site = 'shop' AND name = 'pageview' AND utm_source != '' AND consent_id IN " +
		"(SELECT consent_id FROM consents GROUP BY consent_id HAVING count() = 1) AND time < now() - INTERVAL 30 MINUTE ORDER BY time DESC, seq LIMIT 1)"
	ofFew = " FROM (SELECT * FROM before_events WHERE site = 'shop' AND name = 'pageview' AND consent_id IN (SELECT consent_id FROM consents GROUP BY consent_id " +
		"HAVING count() = 1 AND any(items) = ['analytics']) AND time < now() - INTERVAL 30 MINUTE ORDER BY time DESC, seq LIMIT 1)"
)

// plant is something that must not be, put into the database by SQL.
type plant struct {
	name string
	rule string
	put  []string
}

func plants() []plant {
	row := func(name, rule, replace, from string) plant {
		return plant{
			name: name, rule: rule, put: []string{"INSERT INTO events SELECT * REPLACE (" + replace + ", " + copied + ")" + from},
		}
	}
	const otherEdition = "INSERT INTO consents SELECT * REPLACE (repeat('ab', 32) AS edition, toUUID('11111111-1111-4111-8111-111111111111') AS consent_id)" +
		" FROM consents WHERE site = 'shop' AND state = 'ConsentGiven' ORDER BY time LIMIT 1"
	foreignEdition := row("another site's edition", "edition", "toUUID('11111111-1111-4111-8111-111111111111') AS consent_id", ofAll)
	foreignEdition.put = append([]string{
		"INSERT INTO consents SELECT * REPLACE ((SELECT any(edition) FROM policy_editions WHERE site = 'blog') AS edition, " +
			"toUUID('11111111-1111-4111-8111-111111111111') AS consent_id) FROM consents WHERE site = 'shop' AND state = 'ConsentGiven' ORDER BY time LIMIT 1",
	}, foreignEdition.put...)
	unknownEdition := row("another edition", "edition", "toUUID('11111111-1111-4111-8111-111111111111') AS consent_id", ofAll)
	unknownEdition.put = append([]string{otherEdition}, unknownEdition.put...)
	broken := row("an expired row and a view that shows it", "visible", "toDateTime(today() - 3, 'UTC') AS expires_at", ofAll)
	broken.put = append(broken.put, brokenView)
	return []plant{
		row("a row without a decision", "decision", "generateUUIDv4() AS consent_id", ofAll),
		row("a row of a decision that was never made", "decision", "toUInt32(9) AS number", ofAll),
		row("a row before its decision", "early", "time - INTERVAL 100 DAY AS time", ofAll),
		row("a row after the end of its consent", "late", "time + INTERVAL 300 DAY AS time", ofAll),
		row("a row after the withdrawal", "withdrawn",
			"(SELECT any(consent_id) FROM revocations WHERE lowest = 4294967295) AS consent_id, "+
				"(SELECT any(time) FROM revocations WHERE lowest = 4294967295) + INTERVAL 1 HOUR AS time, toDateTime(today() + 1, 'UTC') AS expires_at", ofAll),
		row("a row from before the withdrawal", "erasure",
			"(SELECT any(consent_id) FROM revocations WHERE lowest = 4294967295) AS consent_id, "+
				"(SELECT any(time) FROM revocations WHERE lowest = 4294967295) - INTERVAL 1 HOUR AS time, toDateTime(today() + 1, 'UTC') AS expires_at", ofAll),
		row("a row from before a demand to erase", "erasure",
			"(SELECT any(consent_id) FROM erasures WHERE kind = 'erased') AS consent_id, "+
				"(SELECT min(time) FROM consents WHERE consent_id IN (SELECT consent_id FROM erasures WHERE kind = 'erased')) + INTERVAL 1 DAY AS time, toDateTime(today() + 1, 'UTC') AS expires_at", ofAll),
		row("a row under a decision that was narrowed since", "withdrawn",
			"(SELECT any(consent_id) FROM revocations WHERE lowest = 2) AS consent_id, (SELECT any(time) FROM revocations WHERE lowest = 2) + INTERVAL 1 HOUR AS time, "+
				"toDateTime(today() + 1, 'UTC') AS expires_at", ofAll),
		row("a value that a narrowed choice took back", "narrowed",
			"(SELECT any(consent_id) FROM revocations WHERE lowest = 2) AS consent_id, (SELECT any(time) FROM revocations WHERE lowest = 2) - INTERVAL 1 HOUR AS time, "+
				"toDateTime(today() + 1, 'UTC') AS expires_at", ofAll),
		row("a row on another site", "site", "'blog' AS site", ofAll),
		foreignEdition, unknownEdition,
		row("a column that no purpose permits", "column", "'Almaty' AS city", ofAll),
		row("a column whose purpose was not granted", "purpose", "'news' AS utm_source", ofFew),
		row("a kind of click whose purpose was not granted", "purpose", "'example' AS click", ofFew),
		row("an event that is not declared", "declared", "'bought' AS name", ofAll),
		row("a property that is not declared", "declared", "'signup' AS name, map('colour', 'red') AS props", ofAll),
		row("a row that is kept too long", "expiry", "expires_at + INTERVAL 1 DAY AS expires_at", ofAll),
		row("a row that is kept until after midnight", "expiry", "expires_at + INTERVAL 1 SECOND AS expires_at", ofAll),
		broken,
		counted(row("an address of 32 bits", "address", "toIPv6('::ffff:203.0.113.77') AS ip", ofAll)),
		counted(row("a whole address where a network was", "address", "toIPv6('2002:cb00:714d::') AS ip", ofAll)),
		row("a network that is kept too long", "address_expiry", "toIPv6('::ffff:203.0.113.0') AS ip, ip_expires_at + INTERVAL 1 DAY AS ip_expires_at", ofAll),
		counted(row("a network past its term", "overdue", "toIPv6('::ffff:203.0.113.0') AS ip, toDateTime(today() - 3, 'UTC') AS ip_expires_at", ofAll)),
		older("an older version's address of 64 bits", "address", "consent_id", "2001:db8:1:2::", "ip_expires_at"),
		older("an older version's network that is kept too long", "address_expiry", "consent_id", "::ffff:203.0.113.0", "ip_expires_at + INTERVAL 1 DAY"),
		older("an older version's network without an event", "address_event", "generateUUIDv4()", "::ffff:203.0.113.0", "ip_expires_at"),
		{
			name: "an event that stands twice", rule: "doubled",
			put: []string{"INSERT INTO events SELECT *" + ofAll},
		},
		{
			name: "an item that the edition does not have", rule: "item",
			put: []string{"INSERT INTO consents SELECT * REPLACE (['analytics', 'profiling'] AS items, generateUUIDv4() AS consent_id) FROM consents WHERE site = 'shop' ORDER BY time LIMIT 1"},
		},
		{
			name: "an outcome that is not on the list", rule: "outcome",
			put: []string{"INSERT INTO outcomes (site, day, outcome, detail, n, node, node_seq, expires_at) VALUES ('shop', today(), 'lost', '', 3, 'one', 1, today() + 700)"},
		},
		{
			name: "a row that nothing counted", rule: "counted",
			put: []string{"INSERT INTO events SELECT * REPLACE (" + copied + ")" + ofAll},
		},
		{
			name: "an expired row", rule: "overdue",
			put: []string{"INSERT INTO events SELECT * REPLACE (toDateTime(today() - 3, 'UTC') AS expires_at, " + copied + ")" + ofAll},
		},
	}
}

// counted is a plant of a row that was counted as stored, as it should have been.
func counted(p plant) plant {
	p.put = append(p.put, "INSERT INTO outcomes (site, day, outcome, detail, n, node, node_seq, expires_at) VALUES ('shop', today(), 'stored', '', 1, 'one', 1, today() + 700)")
	return p
}

// older is a plant in the table where older versions kept networks.
func older(name, rule, consentID, ip, ends string) plant {
	return plant{name: name, rule: rule, put: []string{
		"INSERT INTO addresses SELECT site, " + consentID + ", session_id, seq, name, toIPv6('" + ip + "'), " + ends + ofAll,
	}}
}

const brokenView = `CREATE OR REPLACE VIEW events_full DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * EXCEPT ip_expires_at FROM events`

// planted are the tables into which something is planted.
func planted() []string { return []string{"events", "addresses", "consents", "outcomes"} }

// Ten plants at once break just their rules.
func TestTenPlants(t *testing.T) {
	w := newWorld(t)
	w.live()
	prepare(t)
	all := map[string]plant{}
	for _, p := range plants() {
		all[p.name] = p
	}
	var rules []string
	for _, name := range []string{
		"a row without a decision", "a row before its decision", "a row after the withdrawal", "a row on another site", "another edition",
		"a column that no purpose permits", "a column whose purpose was not granted", "an address of 32 bits", "a row that is kept too long",
		"an expired row and a view that shows it",
	} {
		p, known := all[name]
		if !known {
			t.Fatalf("there is no plant %q", name)
		}
		plantSQL(t, p.put...)
		rules = append(rules, p.rule)
	}
	report := runAudit(t, w.db, audit.Options{Rows: 30, Settle: 1})
	slices.Sort(rules)
	var got []string
	for _, r := range report.Violated() {
		got = append(got, r.ID)
		if r.Count != 1 || len(r.Examples) != 1 {
			t.Errorf("%s: %d violations with %d examples, want 1", r.ID, r.Count, len(r.Examples))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(rules, got); diff != "" {
		t.Errorf("broken rules (-want +got):\n%s", diff)
	}
}

// prepare keeps what is past its term, which the next merge would drop, and a
// copy of what was there before anything is planted.
func prepare(t *testing.T) {
	t.Helper()
	plantSQL(t, "SYSTEM STOP MERGES events")
	for _, table := range planted() {
		plantSQL(t, "CREATE TABLE before_"+table+" ENGINE = Memory AS SELECT * FROM "+table)
	}
	t.Cleanup(func() {
		if err := storagetest.Admin(t).Exec(context.Background(), "SYSTEM START MERGES events"); err != nil {
			t.Error(err)
		}
	})
}

// Each plant breaks its own rule and no other.
func TestPlants(t *testing.T) {
	w := newWorld(t)
	w.live()
	prepare(t)
	o := audit.Options{Settle: 1}
	want(t, runAudit(t, w.db, o))
	if t.Failed() {
		return
	}
	var view string
	if err := storagetest.Admin(t).QueryRow(t.Context(), "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'events_full'").Scan(&view); err != nil {
		t.Fatal(err)
	}
	for _, p := range plants() {
		t.Run(p.name, func(t *testing.T) {
			plantSQL(t, p.put...)
			want(t, runAudit(t, w.db, o), p.rule)
			for _, table := range planted() {
				plantSQL(t, "TRUNCATE TABLE "+table, "INSERT INTO "+table+" SELECT * FROM before_"+table)
			}
			plantSQL(t, strings.Replace(view, "CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
		})
	}
	want(t, runAudit(t, w.db, o))
}
