package blackbox_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// audited is what kelisim audit --json prints, as far as it is looked at.
type audited struct {
	Alive  uint64 `json:"nodes_alive"`
	Judged uint64 `json:"events_judged"`
	Rules  []struct {
		ID    string `json:"id"`
		Count uint64 `json:"count"`
	} `json:"rules"`
}

// audit runs kelisim audit on the node's data and wants an exit code; it returns
// what was found and which rules were broken.
func (n *node) audit(t *testing.T, code int) (found audited, broken string) {
	t.Helper()
	got, out, errs := command(t, environment(t), "audit", "--json", "--data-dir", n.data)
	if got != code {
		t.Fatalf("exit code %d, want %d:\n%s%s", got, code, out, errs)
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	var names []string
	for _, r := range found.Rules {
		if r.Count > 0 {
			names = append(names, r.ID)
		}
	}
	return found, strings.Join(names, " ")
}

// TestAudit: the audit is silent on a node under traffic and on one that has
// stopped, and names what was put into the database behind the node's back.
func TestAudit(t *testing.T) {
	t.Parallel()
	n := install(t)
	n.serve(t)
	leaves := n.consenting(t)
	view(t, leaves, "/a")
	if err := leaves.Decide(t.Context(), "withdraw", nil); err != nil {
		t.Fatal(err)
	}
	acknowledged, end := n.traffic(t)
	conn := n.sql(t)
	settles(t, conn, 1, "SELECT uniqExact(node) FROM nodes") // the node has said that it lives
	for range 3 {
		more(t, acknowledged, 50)
		if found, broken := n.audit(t, 0); broken != "" || found.Alive != 1 {
			t.Errorf("%d nodes live; broken under traffic: %s", found.Alive, broken)
		}
	}
	end()
	settles(t, conn, int(acknowledged.Load()), "SELECT count() FROM events")
	if found, broken := n.audit(t, 0); broken != "" || found.Judged != uint64(acknowledged.Load()) {
		t.Errorf("%d rows are judged, want %d; broken: %s", found.Judged, acknowledged.Load(), broken)
	}

	err := conn.Exec(t.Context(), "INSERT INTO events SELECT * REPLACE (generateUUIDv4() AS session_id, 'Example City' AS city, "+
		"'/secret-path' AS path, toIPv6('::ffff:203.0.113.99') AS ip) FROM events WHERE ip_expires_at > now() LIMIT 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, broken := n.audit(t, 1); broken != "column address" {
		t.Errorf("broken: %q, want column and address", broken)
	}
	n.stop()
	code, out, errs := command(t, environment(t), "audit", "--data-dir", n.data)
	if code != 1 || !strings.Contains(out, "column: ") || !strings.Contains(out, "address: ") || !strings.Contains(out, "2 of ") {
		t.Errorf("exit code %d of the audit of a node that has stopped:\n%s%s", code, out, errs)
	}
	for _, secret := range []string{"203.0.113", "secret-path", "Example City"} {
		if strings.Contains(out+errs, secret) {
			t.Errorf("the audit tells %q:\n%s%s", secret, out, errs)
		}
	}
	if !strings.Contains(errs, "audit: ") {
		t.Errorf("no progress is shown:\n%s", errs)
	}
}

// TestAuditWithoutDatabase: a database that cannot be reached, or that holds
// nothing of kelisim, is an error and no clean audit.
func TestAuditWithoutDatabase(t *testing.T) {
	t.Parallel()
	code, out, errs := command(t, environment(t), "audit", "--clickhouse-dsn", "clickhouse://kelisim:secret@127.0.0.1:1/kelisim")
	if code != 1 || out != "" || !strings.Contains(errs, "kelisim: audit: the database cannot be reached") || strings.Contains(errs, "secret") {
		t.Errorf("exit code %d without a database:\n%s%s", code, out, errs)
	}
	n := install(t)
	if code, out, errs := command(t, environment(t), "audit", "--data-dir", n.data); code != 1 || out != "" || !strings.Contains(errs, "kelisim migrate") {
		t.Errorf("exit code %d on an empty database:\n%s%s", code, out, errs)
	}
}
