package blackbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kelisim/cmd/kelisim/visitor"
	"kelisim/storage/schema"
)

// obeyed is how long a withdrawal may take to reach every node.
const obeyed = 60 * time.Second

// TestTwoNodes runs two nodes on one database with the same keys. A consent
// given at one is valid at the other; once it is withdrawn at one, the other
// refuses it, and nothing of it is left.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	a, b := install(t), install(t)
	a.serve(t)
	access := a.access(t)
	dsn := func(role schema.Role) string {
		who := access.Roles[role]
		return (&url.URL{
			Scheme: "clickhouse", User: url.UserPassword(who.User, who.Password), Host: access.Address, Path: access.Database,
		}).String()
	}
	b.serve(t, "--keys", filepath.Join(a.data, "keys"), "--clickhouse-dsn", dsn(schema.RoleWriter),
		"--clickhouse-reports-dsn", dsn(schema.RoleReports), "--clickhouse-rights-dsn", dsn(schema.RoleRights),
		"--clickhouse-maintenance-dsn", dsn(schema.RoleMaintenance))

	leaves, stays := a.consenting(t), a.consenting(t)
	view(t, leaves, "/a")
	view(t, stays, "/a")
	conn := a.sql(t)
	for i, v := range []*visitor.Visitor{leaves, stays} {
		if dropped := b.send(t, v, i+1); dropped != "" {
			t.Fatalf("a consent given at one node is refused by the other: %s", dropped)
		}
	}
	settles(t, conn, 4, "SELECT sum(n) FROM outcomes WHERE outcome = 'stored'")
	settles(t, conn, 2, "SELECT uniqExact(node) FROM outcomes WHERE outcome = 'stored'")

	token := leaves.Token()
	if err := leaves.Decide(t.Context(), "withdraw", nil); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if dropped := send(t, a.url(), token, 100); dropped != "withdrawn" {
		t.Errorf("the node that took the withdrawal answers %q", dropped)
	}
	accepted, seq := 0, 1000
	eventually(t, obeyed, "the other node to obey", func() bool {
		seq++
		dropped := send(t, b.url(), token, seq)
		if dropped == "" {
			accepted++
		}
		return dropped == "withdrawn"
	})
	t.Logf("the other node obeyed after %s; it had accepted %d events by then", time.Since(began).Round(time.Millisecond), accepted)

	settles(t, conn, 1, "SELECT count() FROM erasures WHERE kind = 'withdrawn' AND done_at IS NOT NULL")
	t.Logf("the certificate stood after %s", time.Since(began).Round(time.Millisecond))
	for range 5 {
		seq++
		if dropped := send(t, b.url(), token, seq); dropped != "withdrawn" {
			t.Errorf("after the certificate the other node answers %q", dropped)
		}
	}
	b.stop()
	if n := number(t, conn, "SELECT count() FROM events"); n != 2 {
		t.Errorf("%d rows are left, want the 2 of the visitor who stays", n)
	}
	if n := number(t, conn, "SELECT count() FROM events WHERE ip != toIPv6('::')"); n != 2 {
		t.Errorf("%d networks are left, want the 2 of the visitor who stays", n)
	}
	once(t, conn)
	if dropped := send(t, a.url(), stays.Token(), 7); dropped != "" {
		t.Errorf("the visitor who stays is refused: %s", dropped)
	}
	a.stop()
}

// send sends one page view of a session of its own under a token; dropped is the
// reason why it was not accepted, if it was not.
func send(t *testing.T, base, token string, seq int) (dropped string) {
	t.Helper()
	now := time.Now().UnixMilli()
	body, err := json.Marshal(map[string]any{
		"v": 1, "site": "demo", "now": now, "session": map[string]any{"id": fmt.Sprintf("%032x", seq), "start": now},
		"events": []any{map[string]any{"seq": seq, "name": "pageview", "url": origin + "/b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/events", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", browser)
	req.Header.Set("Origin", origin)
	req.Header.Set("X-Forwarded-For", "203.0.113.9")
	req.AddCookie(&http.Cookie{Name: "kelisim", Value: token})
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer visitor.Answer
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("status %d: %v", res.StatusCode, err)
	}
	var reasons []string
	for reason := range answer.Dropped {
		reasons = append(reasons, reason)
	}
	return strings.Join(reasons, " ")
}

func (n *node) send(t *testing.T, v *visitor.Visitor, seq int) string {
	t.Helper()
	return send(t, n.url(), v.Token(), seq)
}
