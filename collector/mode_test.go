package collector

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/spool"
	"kelisim/policies"
)

const (
	page      = "https://www.shop.example"
	collector = "collect.shop.example"
)

// servedIn is the demo's policy, served in another mode.
func servedIn(t *testing.T, mode string) []byte {
	t.Helper()
	s := bytes.Replace(policies.Demo(), []byte("\nmode: path"), []byte("\nmode: "+mode), 1)
	s = bytes.Replace(s, []byte("hosts: [localhost, 127.0.0.1]"), []byte("hosts: [www.shop.example, shop.example, shop.localhost]"), 1)
	if mode == "subdomain" {
		s = bytes.Replace(s, []byte("\nmode: subdomain"), []byte("\nmode: subdomain\ncookie_domain: shop.example"), 1)
		s = bytes.Replace(s, []byte(", shop.localhost]"), []byte("]"), 1)
	}
	return s
}

// across is a request of a page of the site to the collector's own host.
func (e *edge) across(origin, method, path, body string, headers ...string) (*http.Response, string) {
	e.t.Helper()
	site := map[bool]string{true: "same-site", false: "cross-site"}[strings.Contains(origin, "shop.example")]
	r := e.request(method, path, body, append([]string{"Origin", origin, "Sec-Fetch-Site", site, "Sec-Fetch-Mode", "cors"}, headers...)...)
	r.Host = collector
	return e.do(r)
}

func TestSubdomainCookies(t *testing.T) {
	e := newEdgeOf(t, spool.Options{}, servedIn(t, "subdomain"))
	res, body := e.across(page, "POST", "/v1/consent", e.decision("accept_all", "1"))
	if res.StatusCode != 201 || strings.Contains(body, "token") || strings.Contains(body, "marker") {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	set := cookies(res)
	token, marker := set["__Secure-kelisim"], set["__Secure-kelisim-state"]
	if token == nil || marker == nil || len(set) != 2 {
		t.Fatalf("cookies %v", res.Header["Set-Cookie"])
	}
	want := int(time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC).Sub(e.clock()) / time.Second)
	for _, c := range []*http.Cookie{token, marker} {
		if c.Domain != "shop.example" || !c.Secure || c.Path != "/" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != want || c.HttpOnly != (c == token) {
			t.Errorf("cookie %s", c)
		}
	}
	if _, body = e.across(page, "POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", jar(res)); body != `{"accepted":1,"dropped":{}}` {
		t.Fatalf("events: %s", body)
	}
	// The cookies of another mode stand for nothing.
	weak := "__Host-kelisim=" + token.Value + "; kelisim=" + token.Value
	if _, body = e.across(page, "POST", "/v1/events", fmt.Sprintf(pageview, 2), "Cookie", weak); body != `{"accepted":0,"dropped":{"no_consent":1}}` {
		t.Errorf("a token under a name of another mode: %s", body)
	}
	gone, _ := e.across(page, "POST", "/v1/consent", e.decision("withdraw", "2"), "Cookie", jar(res))
	if c := cookies(gone)["__Secure-kelisim"]; c == nil || c.Value != "" || c.Domain != "shop.example" || !c.Expires.Before(e.clock()) {
		t.Errorf("the token cookie is not taken away where it was set: %v", c)
	}
	if _, body = e.across(page, "POST", "/v1/events", fmt.Sprintf(pageview, 3), "Cookie", jar(res)); body != `{"accepted":0,"dropped":{"withdrawn":1}}` {
		t.Errorf("after the withdrawal: %s", body)
	}
}

// TestSubdomainPrivacyForm: the page lives at the collector's host, which is no host
// of the site; no other page may send its form.
func TestSubdomainPrivacyForm(t *testing.T) {
	e := newEdgeOf(t, spool.Options{}, servedIn(t, "subdomain"))
	for _, c := range []struct {
		origin, site string
		status       int
	}{
		{"https://" + collector, "same-origin", 303},
		{"https://" + collector, "", 303},
		{page, "same-site", 303},
		{"https://" + collector, "same-site", 403},
		{"https://other.shop.example", "same-site", 403},
		{"https://other.shop.example", "", 403},
		{"https://evil.example", "same-origin", 403},
		{"https://evil.example", "cross-site", 403},
		{"null", "cross-site", 403},
	} {
		r := e.request("POST", "/privacy/demo", "action=withdraw", "Origin", c.origin, "Sec-Fetch-Site", c.site, "Content-Type", "application/x-www-form-urlencoded")
		r.Host = collector
		if res, body := e.do(r); res.StatusCode != c.status {
			t.Errorf("from %s (%s): %d %s, want %d", c.origin, c.site, res.StatusCode, body, c.status)
		}
	}
}

// kept is what a browser keeps in mode cross-origin.
type kept struct {
	State, Token, Marker, ID string
	Purposes                 []string
	MaxAge                   int `json:"max_age"`
}

func (e *edge) keep(body string) (k kept) {
	e.t.Helper()
	if err := json.Unmarshal([]byte(body), &k); err != nil {
		e.t.Fatalf("%s: %v", body, err)
	}
	return k
}

func with(token, body string) string {
	return `{"token":"` + token + `",` + strings.TrimPrefix(body, "{")
}

func TestCrossOriginTokenTravelsInBodies(t *testing.T) {
	e := newEdgeOf(t, spool.Options{}, servedIn(t, "cross-origin"))
	res, body := e.across(page, "POST", "/v1/consent", e.decision("accept_all", "1"))
	k := e.keep(body)
	m, ok := consent.ParseMarker(k.Marker)
	if res.StatusCode != 201 || k.Token == "" || !ok || m.State != consent.StateGiven || strings.Contains(k.Marker, k.ID) || len(res.Cookies()) != 0 {
		t.Fatalf("%d %s, cookies %v", res.StatusCode, body, res.Cookies())
	}
	if want := int(m.Expires.Sub(e.clock()) / time.Second); k.MaxAge != want || k.MaxAge > 366*86400 {
		t.Errorf("max_age %d, want %d", k.MaxAge, want)
	}
	f := func(what, want, body string, headers ...string) {
		t.Helper()
		res, got := e.across(page, "POST", "/v1/events", body, headers...)
		if got != want || len(res.Cookies()) != 0 {
			t.Errorf("%s: %s, want %s; cookies %v", what, got, want, res.Cookies())
		}
	}
	f("the token in the body", `{"accepted":1,"dropped":{}}`, with(k.Token, fmt.Sprintf(pageview, 1)))
	f("no token", `{"accepted":0,"dropped":{"no_consent":1}}`, fmt.Sprintf(pageview, 2))
	cookie := "kelisim=" + k.Token + "; __Host-kelisim=" + k.Token + "; __Secure-kelisim=" + k.Token
	f("the token in cookies", `{"accepted":0,"dropped":{"no_consent":1}}`, fmt.Sprintf(pageview, 3), "Cookie", cookie)
	f("the token in a header", `{"accepted":0,"dropped":{"no_consent":1}}`, fmt.Sprintf(pageview, 4), "Authorization", "Bearer "+k.Token)

	state := func(want, method, path, body string, headers ...string) {
		t.Helper()
		res, got := e.across(page, method, path, body, headers...)
		if !strings.Contains(got, `"`+want+`"`) || strings.Contains(got, "token") || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s %v: %s, want %s", method, path, headers, got, want)
		}
	}
	state("ConsentGiven", "POST", "/v1/consent?site=demo", `{"token":"`+k.Token+`"}`)
	state("ConsentGiven", "GET", "/v1/consent?site=demo", "", "Authorization", "Bearer "+k.Token)
	state("ConsentUnknown", "GET", "/v1/consent?site=demo&token="+k.Token, "")
	state("ConsentUnknown", "GET", "/v1/consent?site=demo", "", "Cookie", cookie)
	if res, _ := e.across("https://evil.example", "POST", "/v1/consent?site=demo", `{"token":"`+k.Token+`"}`); res.StatusCode != 403 {
		t.Errorf("another site asks for the state: %d", res.StatusCode)
	}

	_, body = e.across(page, "POST", "/v1/consent", e.decision("withdraw", "2"), "Cookie", cookie)
	if e.keep(body).ID != "" || !strings.Contains(body, "ConsentWithdrawn") {
		t.Errorf("a withdrawal without token: %s", body)
	}
	state("ConsentGiven", "POST", "/v1/consent?site=demo", `{"token":"`+k.Token+`"}`) // it named no consent
	_, body = e.across(page, "POST", "/v1/consent", with(k.Token, e.decision("withdraw", "3")))
	if k := e.keep(body); k.Token != "" || !strings.HasSuffix(k.Marker, ".w") || k.ID != "" {
		t.Errorf("withdrawn: %s", body)
	}
	state("ConsentWithdrawn", "POST", "/v1/consent?site=demo", `{"token":"`+k.Token+`"}`)
	f("after the withdrawal", `{"accepted":0,"dropped":{"withdrawn":1}}`, with(k.Token, fmt.Sprintf(pageview, 5)))
}

// TestCrossOriginRefusalNamesNobody: all who refuse the same edition on a day keep
// the same text, and nothing else.
func TestCrossOriginRefusalNamesNobody(t *testing.T) {
	e := newEdgeOf(t, spool.Options{}, servedIn(t, "cross-origin"))
	res, body := e.across(page, "POST", "/v1/consent", e.decision("refuse_all", "1"))
	e.now = e.now.Add(5 * time.Hour)
	_, second := e.across("https://shop.example", "POST", "/v1/consent", e.decision("refuse_all", "2"))
	a, b := e.keep(body), e.keep(second)
	if a.Marker == "" || a.Marker != b.Marker || a.Token != "" || a.ID != "" || a.MaxAge <= b.MaxAge || len(res.Cookies()) != 0 {
		t.Errorf("two refusals: %s, %s", body, second)
	}
}

// TestCrossOriginBanner says why by the state in the query, which holds no id.
func TestCrossOriginBanner(t *testing.T) {
	e := newEdgeOf(t, spool.Options{}, servedIn(t, "cross-origin"))
	_, body := e.across(page, "POST", "/v1/consent", strings.Replace(e.decision("custom", "1"), `"v":1`, `"v":1,"choices":{"analytics":true}`, 1))
	given := strings.ReplaceAll(e.keep(body).Marker, "+", "%2B")
	for query, want := range map[string]string{
		"": `"reason":"first"`, "&state=" + given: `"reason":"settings"`, "&state=1.0011223344556677.a.p.99999.0.g": `"reason":"material"`,
		"&state=" + given[:len(given)-1] + "w": `"reason":"settings"`, "&state=x": `"reason":"first"`,
	} {
		if _, got := e.across(page, "GET", "/v1/banner?site=demo&lang=kk"+query, ""); !strings.Contains(got, want) {
			t.Errorf("%q: no %s", query, want)
		}
	}
	if _, got := e.across(page, "GET", "/v1/banner?site=demo&lang=kk&state="+given, ""); !strings.Contains(got, `"analytics":true`) || !strings.Contains(got, `"marketing":false`) {
		t.Error("the choices of the visitor are not those of the state")
	}
	res, got := e.across(page, "GET", "/privacy/demo?lang=en", "")
	if res.StatusCode != 200 || strings.Contains(got, `id="choice"`) || strings.Contains(got, "<form") {
		t.Errorf("the privacy page speaks of a choice that it cannot know: %d", res.StatusCode)
	}
	if res, _ := e.across(page, "POST", "/privacy/demo", "action=withdraw", "Content-Type", "application/x-www-form-urlencoded"); res.StatusCode != 404 {
		t.Errorf("a form of that page: %d", res.StatusCode)
	}
}

// TestOnlyPagesOfTheSiteMayRead goes through origins, calls and modes. Two sites are
// served, so that the hosts of one are no hosts of the other.
func TestOnlyPagesOfTheSiteMayRead(t *testing.T) {
	second := bytes.Replace(policies.Demo(), []byte("site: demo\n"), []byte("site: second\n"), 1)
	second = bytes.Replace(second, []byte("hosts: [localhost, 127.0.0.1]"), []byte("hosts: [second.example]"), 1)
	other := bytes.Replace(bytes.Replace(second, []byte("site: second"), []byte("site: third"), 1), []byte("second.example"), []byte("third.example"), 1)
	other = bytes.Replace(other, []byte("mode: path"), []byte("mode: cross-origin"), 1)
	own := []string{page, "https://shop.example", "https://WWW.shop.example", "https://shop.example:8443"}
	foreign := []string{
		"", "null", "*", "https://evil.example", "http://www.shop.example", "https://collect.shop.example", "https://www.shop.example.evil.example",
		"https://www.shop.example/", "https://second.example", "https://third.example", "https://evil.example, " + page, "https://localhost",
	}
	for _, mode := range []string{"subdomain", "cross-origin"} {
		e := newEdgeOf(t, spool.Options{}, servedIn(t, mode), second, other)
		for i, origin := range slices.Concat(own, foreign) {
			good := i < len(own)
			for j, c := range []struct{ method, path, body string }{
				{"GET", "/v1/banner?site=demo&lang=kk", ""}, {"GET", "/v1/consent?site=demo", ""},
				{"POST", "/v1/events", fmt.Sprintf(pageview, 1)}, {"POST", "/v1/consent", e.decision("refuse_all", fmt.Sprint(10*i+1))},
			} {
				res, body := e.across(origin, c.method, c.path, c.body)
				if name, ok := granted(res, mode); ok != good || good && name != origin {
					t.Errorf("%s, %q, call %d: it may be read: %v by %q", mode, origin, j, ok, name)
				}
				if res.Header.Get("Vary") == "" {
					t.Errorf("%s, %q, call %d: a cache would give the answer to others", mode, origin, j)
				}
				if j == 3 && (res.StatusCode == 201) != good {
					t.Errorf("%s, %q: a decision is answered %d %s", mode, origin, res.StatusCode, body)
				}
			}
			res, _ := e.across(origin, "OPTIONS", "/v1/events", "", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
			third := origin == "https://third.example"
			if _, ok := granted(res, map[bool]string{true: "cross-origin", false: mode}[third]); ok != (good || third) || ok != (res.StatusCode == 204) {
				t.Errorf("%s, %q: preflight %d, %v", mode, origin, res.StatusCode, res.Header)
			}
		}
	}
}

// granted reports who may read an answer, and fails on any grant that is not the
// exact one of the mode.
func granted(res *http.Response, mode string) (origin string, ok bool) {
	origin = res.Header.Get("Access-Control-Allow-Origin")
	credentials := res.Header.Get("Access-Control-Allow-Credentials")
	if origin == "" && credentials == "" {
		return "", false
	}
	if want := map[string]string{"subdomain": "true", "cross-origin": ""}[mode]; credentials != want || origin == "*" || len(res.Header["Access-Control-Allow-Origin"]) > 1 {
		return "a wrong grant: " + origin + " " + credentials, true
	}
	return origin, true
}

// TestFilesMayBeEmbedded: modules and pinned files are loaded across origins without
// cookies; in mode path nothing is opened.
func TestFilesMayBeEmbedded(t *testing.T) {
	for mode, want := range map[string][2]string{"path": {"", "same-site"}, "subdomain": {"*", "same-site"}, "cross-origin": {"*", "cross-origin"}} {
		e := newEdgeOf(t, spool.Options{}, servedIn(t, mode))
		_, body := e.send("GET", "/integrity.json", "")
		var all struct {
			Loader struct{ Name, Integrity string }
			Files  []struct{ Name, Integrity string }
		}
		if err := json.Unmarshal([]byte(body), &all); err != nil || len(all.Files) < 4 {
			t.Fatal(body, err)
		}
		for _, name := range []string{"k.js", all.Loader.Name, all.Files[0].Name, "integrity.json"} {
			res, _ := e.across(page, "GET", "/"+name, "")
			got := [2]string{res.Header.Get("Access-Control-Allow-Origin"), res.Header.Get("Cross-Origin-Resource-Policy")}
			if res.StatusCode != 200 || got != want || res.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s, %s: %d %v", mode, name, res.StatusCode, got)
			}
		}
		if res, body := e.send("GET", "/k.0011223344556677.js", ""); res.StatusCode != 404 || !strings.Contains(body, "old_loader") || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("a loader of another edition: %d %s", res.StatusCode, body)
		}
	}
}

// TestIntegrityIsThatOfTheBytes compares every file with what integrity.json says.
func TestIntegrityIsThatOfTheBytes(t *testing.T) {
	e := newEdge(t, spool.Options{})
	_, body := e.send("GET", "/integrity.json", "")
	var all struct {
		Loader struct{ Name, Integrity string }
		Files  []struct{ Name, Integrity string }
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Files) != len(e.server.o.Assets.Integrity()) {
		t.Errorf("%d files of %d", len(all.Files), len(e.server.o.Assets.Integrity()))
	}
	for _, f := range append(all.Files, all.Loader) {
		_, body := e.send("GET", "/"+f.Name, "")
		if f.Integrity != sri(body) {
			t.Errorf("%s: integrity %s, the bytes give %s", f.Name, f.Integrity, sri(body))
		}
	}
}

func sri(body string) string {
	sum := sha512.Sum384([]byte(body))
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}
