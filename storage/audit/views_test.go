package audit_test

import (
	"context"
	"strings"
	"testing"

	"kelisim/storage/audit"
	"kelisim/storage/storagetest"
)

// What is past its term lies in every table, and the views show none of it: the
// audit asks them and is silent. Each view, robbed of its filter, is named.
func TestViews(t *testing.T) {
	w := newWorld(t)
	w.live()
	plantSQL(t, "SYSTEM STOP MERGES")
	t.Cleanup(func() {
		if err := storagetest.Admin(t).Exec(context.Background(), "SYSTEM START MERGES"); err != nil {
			t.Error(err)
		}
	})
	plantSQL(t,
		// On a day of which nothing else is left.
		"INSERT INTO events SELECT * REPLACE (generateUUIDv4() AS session_id, now() - 3600 AS expires_at, time + INTERVAL 3 DAY AS time) FROM "+
			"(SELECT * FROM events WHERE name = 'pageview' AND time < now() - INTERVAL 10 DAY AND consent_id IN (SELECT consent_id FROM consents GROUP BY consent_id HAVING count() = 1) LIMIT 3)",
		// Of an event that lives on, so that only the network is past its term.
		"INSERT INTO addresses SELECT site, consent_id, session_id, seq, name, toIPv6('::ffff:203.0.113.0'), now() - 3600 FROM events "+
			"WHERE name = 'pageview' AND expires_at > now() AND (consent_id, session_id, seq) NOT IN (SELECT consent_id, session_id, seq FROM addresses) LIMIT 1",
		"INSERT INTO banner_counts (site, edition, lang, variant, hour, kind, n, node, node_seq, expires_at) VALUES ('shop', '', 'kk', 'a', now() - 5 * 86400, 'shown', 30, 'one', 1, now() - 3600)",
		"INSERT INTO consents SELECT * REPLACE (generateUUIDv4() AS consent_id, now() - 3600 AS keep_until) FROM (SELECT * FROM consents WHERE state = 'ConsentWithdrawn' LIMIT 1)",
		"INSERT INTO outcomes (site, day, outcome, detail, n, node, node_seq, expires_at) VALUES ('shop', today() - 5, 'bot', 'tool', 30, 'one', 1, now() - 3600)",
	)
	o := audit.Options{Settle: 1, Rows: 50}
	want(t, runAudit(t, w.db, o))
	for _, view := range []string{"events_full", "report_people", "report_presence", "report_banner", "report_withdrawn", "report_dropped"} {
		t.Run(view, func(t *testing.T) {
			var text string
			if err := storagetest.Admin(t).QueryRow(t.Context(), "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = ?", view).Scan(&text); err != nil {
				t.Fatal(err)
			}
			text = strings.Replace(text, "CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
			broken := strings.NewReplacer("e.ip_expires_at > now()", "true", "e.expires_at > now()", "true", "expires_at > now()", "true", "keep_until > now()", "true").Replace(text)
			if broken == text {
				t.Fatalf("no filter was found in %s", text)
			}
			plantSQL(t, broken)
			report := runAudit(t, w.db, o)
			want(t, report, "visible")
			for _, r := range report.Violated() {
				for _, e := range r.Examples {
					if e.Table != view {
						t.Errorf("the view %s is named: %s", e.Table, e)
					}
				}
			}
			plantSQL(t, text)
		})
	}
}

// A row whose decision may still lie in the spool of a node that lives is not
// judged; once every node has flushed past it, it is.
func TestYoungRow(t *testing.T) {
	w := newWorld(t)
	w.live()
	plantSQL(t, "INSERT INTO events SELECT * REPLACE (generateUUIDv4() AS consent_id, generateUUIDv4() AS session_id, now64(3) AS time) FROM (SELECT * FROM events WHERE name = 'pageview' LIMIT 1)")
	report := runAudit(t, w.db, audit.Options{Settle: 1})
	want(t, report)
	if report.Young != 1 || report.Alive != 1 || report.Silent != 0 {
		t.Errorf("%d rows are young, %d nodes live, %d are silent; want 1, 1, 0", report.Young, report.Alive, report.Silent)
	}
	plantSQL(t, "INSERT INTO nodes (node, seen_at, watermark) VALUES ('one', now64(3) + INTERVAL 1 MINUTE, now64(3) + INTERVAL 1 MINUTE)")
	want(t, runAudit(t, w.db, audit.Options{Settle: 1}), "decision")
	plantSQL(t, "TRUNCATE TABLE nodes", "INSERT INTO nodes (node, seen_at, watermark) VALUES ('one', now64(3) - INTERVAL 1 HOUR, now64(3) - INTERVAL 1 HOUR)")
	report = runAudit(t, w.db, audit.Options{Settle: 1})
	want(t, report, "decision")
	if report.Alive != 0 || report.Silent != 1 {
		t.Errorf("%d nodes live, %d are silent; want 0, 1", report.Alive, report.Silent)
	}
}
