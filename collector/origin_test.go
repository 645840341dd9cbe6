package collector

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kelisim/pipeline/spool"
)

// TestCrossOriginMatrix sends every combination of Origin, Sec-Fetch-Site and
// Sec-Fetch-Mode to every call that changes something, and sees that no answer
// grants another origin anything.
func TestCrossOriginMatrix(t *testing.T) {
	e := newEdge(t, spool.Options{})
	own := []string{"https://localhost", "https://LOCALHOST", "https://localhost:8443", "http://localhost:8088", "http://127.0.0.1"}
	foreign := []string{
		"https://evil.example", "https://localhost.evil.example", "https://evil-localhost", "file://", "https://", "localhost", "*",
		"https://localhost/", "https://localhost@evil.example", "https://evil.example@localhost", "javascript:alert(1)",
		"https://localhost, https://evil.example", "chrome-extension://abcdefghijklmnop",
	}
	sites := []string{"", "same-origin", "same-site", "none", "cross-site", "Same-Origin", "same-origin, cross-site"}
	modes := []string{"", "cors", "no-cors", "same-origin", "navigate", "websocket", "cors, navigate"}
	n := 0
	for _, origin := range slices.Concat(own, foreign, []string{"", "null"}) {
		for _, site := range sites {
			for _, mode := range modes {
				near := site == "same-origin" || site == "same-site"
				page := slices.Contains(own, origin) && (near || site == "") ||
					origin == "" && (near || site == "" || site == "none") || origin == "null" && site == "same-origin"
				script := page && slices.Contains([]string{"", "cors", "no-cors", "same-origin"}, mode)
				h := []string{"Origin", origin, "Sec-Fetch-Site", site, "Sec-Fetch-Mode", mode}
				n++
				res, body := e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), h...)
				want := `{"accepted":0,"dropped":{"origin":1}}`
				if script {
					want = `{"accepted":0,"dropped":{"no_consent":1}}`
				}
				if res.StatusCode != 202 || body != want {
					t.Errorf("%q: events: %d %s, want %s", h, res.StatusCode, body, want)
				}
				noGrant(t, res)
				res, body = e.send("POST", "/v1/consent", e.decision("withdraw", fmt.Sprint(n)), h...)
				if got := res.StatusCode == 201; got != script || !got && res.StatusCode != 403 {
					t.Errorf("%q: decision: %d %s, want it taken: %v", h, res.StatusCode, body, script)
				}
				noGrant(t, res)
				res, _ = e.send("POST", "/privacy/demo", "action=withdraw", append(h, "Content-Type", "application/x-www-form-urlencoded")...)
				if got := res.StatusCode == 303; got != page || !got && res.StatusCode != 403 {
					t.Errorf("%q: form: %d, want it taken: %v", h, res.StatusCode, page)
				}
				noGrant(t, res)
			}
		}
	}
	t.Logf("%d combinations, three calls each", n)
}

// TestNoPreflightIsGranted asks as a browser does before a call across origins.
func TestNoPreflightIsGranted(t *testing.T) {
	e := newEdge(t, spool.Options{})
	for _, r := range e.app.GetRoutes(true) {
		path := strings.NewReplacer(":hash", "x", ":file", "x", ":site", "demo").Replace(r.Path)
		for _, origin := range []string{https, "https://evil.example"} {
			res, _ := e.send("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
			if res.StatusCode < 400 {
				t.Errorf("OPTIONS %s: status %d", path, res.StatusCode)
			}
			noGrant(t, res)
			for _, method := range []string{"GET", "PUT", "DELETE", "PATCH"} {
				res, _ := e.send(method, path, "", "Origin", origin, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "cross-site")
				if method != "GET" && res.StatusCode < 400 {
					t.Errorf("%s %s: status %d", method, path, res.StatusCode)
				}
				noGrant(t, res)
			}
		}
	}
}

// noGrant checks that an answer lets no other origin read it.
func noGrant(t *testing.T, res *http.Response) {
	t.Helper()
	for name := range res.Header {
		if strings.HasPrefix(strings.ToLower(name), "access-control-") || strings.EqualFold(name, "Accept-CH") {
			t.Errorf("an answer carries %s", name)
		}
	}
	if res.Header.Get("Cross-Origin-Resource-Policy") != "same-site" {
		t.Error("an answer may be embedded from anywhere")
	}
}

// TestRepeatedOrigin: two lines of one header are none of the values that count.
func TestRepeatedOrigin(t *testing.T) {
	e := newEdge(t, spool.Options{})
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"} {
		value := map[string]string{"Origin": https, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}[name]
		for _, second := range []string{value, "https://evil.example", "cross-site", "navigate"} {
			r := e.request("POST", "/v1/events", fmt.Sprintf(pageview, 1), name, value)
			r.Header.Add(name, second)
			if _, body := e.do(r); body != `{"accepted":0,"dropped":{"origin":1}}` {
				t.Errorf("%s: %s and %s: %s", name, value, second, body)
			}
		}
	}
}

// TestForwardedHostAndProtoAreNotBelieved: what a visitor writes changes neither
// the names of the cookies nor whether they are secure.
func TestForwardedHostAndProtoAreNotBelieved(t *testing.T) {
	e := newEdge(t, spool.Options{})
	key := 0
	names := func(host string, headers ...string) []string {
		t.Helper()
		key++
		r := e.request("POST", "/v1/consent", e.decision("refuse_all", fmt.Sprint(key)), headers...)
		r.Host = host
		res, body := e.do(r)
		if res.StatusCode != 201 {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		var all []string
		for _, c := range res.Cookies() {
			all = append(all, fmt.Sprint(c.Name, c.Secure))
		}
		slices.Sort(all)
		return all
	}
	public := names("demo.example", "Origin", "")
	forged := names("demo.example", "Origin", "", "X-Forwarded-Host", "localhost")
	if !slices.Equal(public, forged) || public[0] != "__Host-kelisim-statetrue" {
		t.Errorf("a forwarded host: %v, without one %v", forged, public)
	}
	plain := names("localhost", "Origin", "http://localhost")
	tls := names("localhost", "Origin", "http://localhost", "X-Forwarded-Proto", "https", "X-Forwarded-Ssl", "on", "X-Url-Scheme", "https")
	if !slices.Equal(plain, tls) || plain[0] != "kelisim-statefalse" {
		t.Errorf("a forwarded protocol: %v, without one %v", tls, plain)
	}
}
