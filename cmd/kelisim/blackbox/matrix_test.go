package blackbox_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/policies"
)

// attempt is one call that must store nothing, and the counter it must raise.
type attempt struct {
	name, reason, detail string
	token                string
	headers              map[string]string
	ago                  int64 // ms before sending that the event happened
	old                  time.Duration
	event                map[string]any // beside seq, name, url and ago
}

// TestNothingWithoutPermission sends, to a running node by plain HTTP, an event
// in every way in which it must not be stored. Each time the answer names the
// reason, the table of events stays as it was, and one counter rises by one.
func TestNothingWithoutPermission(t *testing.T) {
	t.Parallel()
	n := install(t)
	m := n.editions(t)
	n.serve(t)
	m.key = n.key(t)
	conn := n.sql(t)
	attempts := n.attempts(t, m)

	kept := n.consenting(t)
	seq := 1000
	try := func(a attempt) (reasons map[string]int, accepted int) {
		t.Helper()
		seq++
		return n.try(t, a, seq)
	}
	// The call that all others differ from in one thing is stored.
	if reasons, accepted := try(attempt{token: kept.Token()}); accepted != 1 || len(reasons) > 0 {
		t.Fatalf("the call that is in order: %d accepted, dropped %v", accepted, reasons)
	}
	settles(t, conn, 1, "SELECT count() FROM events")
	settles(t, conn, 1, "SELECT sum(n) FROM outcomes")
	before := counters(t, conn)
	for i, a := range attempts {
		reasons, accepted := try(a)
		if d := cmp.Diff(map[string]int{a.reason: 1}, reasons); d != "" || accepted != 0 {
			t.Errorf("%s: %d accepted; dropped (-want +got):\n%s", a.name, accepted, d)
		}
		// The counter goes through the same spool as rows do, and behind them.
		settles(t, conn, i+2, "SELECT sum(n) FROM outcomes")
		after := counters(t, conn)
		before[a.reason+" "+a.detail]++
		if d := cmp.Diff(before, after); d != "" {
			t.Errorf("%s: counters (-want +got):\n%s", a.name, d)
		}
		before = after
		if rows := number(t, conn, "SELECT count() FROM events"); rows != 1 {
			t.Fatalf("%s: %d rows, want the one that was there", a.name, rows)
		}
	}
	t.Logf("%d ways to be refused", len(attempts))
	n.stop()
}

// mint signs tokens of any time with keys of any folder.
type mint struct {
	key                   consent.Key // of the node
	current, older, other *consent.Edition
}

// editions gives a node two sites, and the first of them an edition before its
// own, whose consents no longer hold.
func (n *node) editions(t *testing.T) *mint {
	t.Helper()
	parse := func(text string) (*policy.Policy, *consent.Edition) {
		t.Helper()
		p, problems := policy.Parse("policy.yaml", []byte(text))
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		e, err := p.Edition()
		if err != nil {
			t.Fatal(err)
		}
		return p, e
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := string(policies.Demo())
	before, older := parse(first)
	write(filepath.Join(n.data, "editions", "demo-"+before.HashString()+".json"), string(before.Document()))
	second := strings.Replace(first, "  number: 1\n", "  number: 2\n", 1)
	second = strings.Replace(second, "\nterm_months:", fmt.Sprintf("\nreplaces: {hash: %q, material: true, holds: false}\nterm_months:", before.HashString()), 1)
	_, current := parse(second)
	write(filepath.Join(n.policies, "demo.yaml"), second)
	third := strings.Replace(first, "\nsite: demo\n", "\nsite: other\n", 1)
	third = strings.Replace(third, "hosts: [localhost, 127.0.0.1]", "hosts: [other.localhost]", 1)
	_, other := parse(third)
	write(filepath.Join(n.policies, "other.yaml"), third)
	return &mint{current: current, older: older, other: other}
}

// key reads the key that the node made for itself.
func (n *node) key(t *testing.T) consent.Key {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(n.data, "keys", "token-1.key"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	secret, err := hex.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	return consent.Key{ID: 1, Secret: secret}
}

// token is that of somebody who granted some items of an edition at an instant.
func (m *mint) token(t *testing.T, key consent.Key, e *consent.Edition, at time.Time, items ...string) string {
	t.Helper()
	c := consent.Choice{Action: consent.AcceptAll}
	if len(items) > 0 {
		c = consent.Choice{Action: consent.Custom, Choices: map[string]bool{}}
		for _, id := range items {
			c.Choices[id] = true
		}
	}
	v, err := consent.Decide(c, e, consent.Decision{}, nil, at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := consent.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := ring.Sign(v.Decision)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// altered is a token with one byte of its plain form changed: counted from the
// end where at is negative.
func altered(t *testing.T, token string, at int) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 1
	return base64.RawURLEncoding.EncodeToString(b)
}

// overlong is a token with another end, signed again: no decision makes one.
func (m *mint) overlong(t *testing.T, token string, end time.Time) string {
	t.Helper()
	const expires = 1 + 4 + 16 + 4 + 8 + 4 + 1 + 4
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	b = b[:len(b)-sha256.Size]
	binary.BigEndian.PutUint32(b[expires:], uint32(end.Unix()))
	mac := hmac.New(sha256.New, m.key.Secret)
	mac.Write(b)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(b))
}

// attempts lists every way. Tokens of people who chose on the site itself come
// from the node; those of another time or another folder are signed here.
func (n *node) attempts(t *testing.T, m *mint) []attempt {
	t.Helper()
	now := time.Now()
	good := m.token(t, m.key, m.current, now.Add(-time.Hour))
	theirs := consent.Key{ID: 7, Secret: bytes.Repeat([]byte{3}, 32)}
	sameID := consent.Key{ID: m.key.ID, Secret: theirs.Secret}
	return append(n.changedMinds(t), []attempt{
		{name: "missing", reason: "no_consent", detail: "no_token"},
		{name: "before the decision", reason: "no_consent", detail: "before_decision", token: good, ago: 2 * time.Hour.Milliseconds()},
		{name: "a bit of the signature", reason: "bad_token", detail: "forged", token: altered(t, good, -1)},
		{name: "a bit of what was granted", reason: "bad_token", detail: "forged", token: altered(t, good, 36)},
		{name: "a bit of the end", reason: "bad_token", detail: "forged", token: altered(t, good, 42)},
		{name: "garbled", reason: "bad_token", detail: "garbled", token: "no-token-at-all"},
		{name: "truncated", reason: "bad_token", detail: "garbled", token: good[:len(good)/2]},
		{name: "the key of another folder", reason: "bad_token", detail: "foreign_key", token: m.token(t, theirs, m.current, now)},
		{name: "the same number of another folder", reason: "bad_token", detail: "forged", token: m.token(t, sameID, m.current, now)},
		{name: "future-dated", reason: "bad_token", detail: "future", token: m.token(t, m.key, m.current, now.Add(time.Hour))},
		{name: "longer than a consent lasts", reason: "bad_token", detail: "overlong", token: m.overlong(t, good, now.AddDate(2, 0, 0))},
		{name: "other site", reason: "bad_token", detail: "other_site", token: m.token(t, m.key, m.other, now)},
		{name: "expired", reason: "expired", detail: "consent", token: m.token(t, m.key, m.current, now.AddDate(0, -9, 0))},
		{name: "old edition", reason: "edition", detail: "superseded", token: m.token(t, m.key, m.older, now)},
		{name: "another purpose", reason: "purpose", detail: "not_granted", token: m.token(t, m.key, m.current, now, "marketing")},
		{name: "no purpose", reason: "purpose", detail: "nothing_granted", token: m.token(t, m.key, m.current, now, "third_party")},
		{name: "marketing alone under the signal", reason: "purpose", detail: "privacy_signal",
			token: m.token(t, m.key, m.current, now, "marketing"), headers: map[string]string{"Sec-GPC": "1"}},
		{name: "foreign origin", reason: "origin", detail: "foreign", token: good, headers: map[string]string{"Origin": "https://evil.example"}},
		{name: "from another site", reason: "origin", detail: "foreign", token: good, headers: map[string]string{"Sec-Fetch-Site": "cross-site"}},
		{name: "a form", reason: "origin", detail: "foreign", token: good, headers: map[string]string{"Sec-Fetch-Mode": "navigate"}},
		{name: "a crawler", reason: "bot", detail: "crawler", token: good,
			headers: map[string]string{"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}},
		{name: "a tool", reason: "bot", detail: "tool", token: good, headers: map[string]string{"User-Agent": "curl/8.5.0"}},
		{name: "a driven browser", reason: "bot", detail: "headless", token: good,
			headers: map[string]string{"User-Agent": strings.Replace(browser, "Chrome/", "HeadlessChrome/", 1)}},
		{name: "nobody's name", reason: "bot", detail: "nameless", token: good, headers: map[string]string{"User-Agent": ""}},
		{name: "headers that contradict each other", reason: "bot", detail: "headers", token: good, headers: map[string]string{
			"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Sec-CH-UA": `"Chromium";v="142"`,
		}},
		{name: "an unknown key", reason: "invalid", detail: "malformed", token: good, event: map[string]any{"ip": "203.0.113.9"}},
		{name: "a wrong type", reason: "invalid", detail: "malformed", token: good, event: map[string]any{"url": 7}},
		{name: "an undeclared event", reason: "invalid", detail: "undeclared", token: good, event: map[string]any{"name": "never_declared"}},
		{name: "a session of yesterday", reason: "invalid", detail: "old_session", token: good, old: 25 * time.Hour},
	}...)
}

// changedMinds are the tokens of people who chose again since.
func (n *node) changedMinds(t *testing.T) []attempt {
	t.Helper()
	analytics := map[string]bool{"analytics": true}
	f := func(reason, detail, first string, of map[string]bool, then string, choices map[string]bool) attempt {
		t.Helper()
		v := n.visitor()
		if err := v.Decide(t.Context(), first, of); err != nil {
			t.Fatal(err)
		}
		token := v.Token()
		if err := v.Decide(t.Context(), then, choices); err != nil {
			t.Fatal(err)
		}
		return attempt{name: first + ", then " + then, reason: reason, detail: detail, token: token}
	}
	return []attempt{
		f("withdrawn", "withdrawn", "accept_all", nil, "withdraw", nil),
		f("withdrawn", "withdrawn", "accept_all", nil, "refuse_all", nil),
		f("withdrawn", "narrowed", "accept_all", nil, "custom", analytics),
		f("withdrawn", "changed", "custom", analytics, "accept_all", nil),
	}
}

// try makes the call of an attempt: a page view that is in order in all but what
// the attempt says.
func (n *node) try(t *testing.T, a attempt, seq int) (reasons map[string]int, accepted int) {
	t.Helper()
	now := time.Now()
	event := map[string]any{"seq": seq, "name": "pageview", "url": origin + "/matrix", "ago": a.ago}
	maps.Copy(event, a.event)
	body, err := json.Marshal(map[string]any{
		"v": 1, "site": "demo", "now": now.UnixMilli(), "events": []any{event},
		"session": map[string]any{"id": fmt.Sprintf("%032x", seq), "start": now.Add(-a.old).UnixMilli()},
	})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url()+"/v1/events", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", browser)
	req.Header.Set("Origin", origin)
	req.Header.Set("X-Forwarded-For", "203.0.113.9")
	for name, value := range a.headers {
		req.Header.Set(name, value)
	}
	if a.token != "" {
		req.AddCookie(&http.Cookie{Name: "kelisim", Value: a.token})
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("%s: status %d: %s %v", a.name, res.StatusCode, answer, err)
	}
	var said struct {
		Accepted int
		Dropped  map[string]int
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		t.Fatal(err)
	}
	return said.Dropped, said.Accepted
}

// counters reads the table of outcomes, of all sites and days together.
func counters(t *testing.T, conn driver.Conn) map[string]int {
	t.Helper()
	var rows []struct {
		Outcome string `ch:"outcome"`
		Detail  string `ch:"detail"`
		N       uint64 `ch:"total"`
	}
	if err := conn.Select(t.Context(), &rows, "SELECT outcome, detail, sum(n) AS total FROM outcomes GROUP BY outcome, detail"); err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for _, r := range rows {
		all[r.Outcome+" "+r.Detail] = int(r.N)
	}
	return all
}
