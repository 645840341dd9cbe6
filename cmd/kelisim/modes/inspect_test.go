package modes_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"kelisim/cmd/kelisim/inspect"
)

// TestInspect looks at each mode as it should be, and then at what a server in front
// of it, or the page, can do wrong. Each fault is named, and nothing else is.
func TestInspect(t *testing.T) {
	n := start(t)
	for _, d := range deployments() {
		base := "https://" + d.Collector
		for _, path := range []string{"/", "/pinned"} {
			if bad := lookAt(t, n.PublicURL(), "https://"+d.Host+path, nil); len(bad) > 0 {
				t.Errorf("%s%s is in order and yet: %q", d.Host, path, bad)
			}
		}
		if bad := lookAt(t, n.PublicURL(), base+"/", nil); len(bad) > 0 && !strings.Contains(d.Collector, "/") {
			t.Errorf("the collector %s is in order and yet: %q", base, bad)
		}
	}
	header := func(name, value string) func(*recorded) { return func(r *recorded) { r.Header().Set(name, value) } }
	replace := func(was, is string) func(*recorded) {
		return func(r *recorded) { r.body = strings.ReplaceAll(r.body, was, is) }
	}
	const near, beside, far = "https://shop.localhost/", "https://www.beside.localhost/", "https://far.localhost/"
	for _, c := range []struct {
		name, url, at string
		tamper        func(*recorded)
		what          []string // of the findings
	}{
		{"no loader", near, "/k.js", func(r *recorded) { r.status = 502 }, []string{"loader"}},
		{"another file in its place", near, "/k.js", func(r *recorded) { r.body = "hello" }, []string{"loader"}},
		{"kept too long", near, "/k.js", header("Cache-Control", "public, max-age=86400"), []string{"cache"}},
		{"not compressed", near, "/k.js", func(r *recorded) { r.Header().Del("Content-Encoding") }, []string{"loader"}},
		{"a flipped byte", near, "/telemetry.js", replace("kelisim", "kelisin"), []string{"integrity", "integrity"}},
		{"an answer that is kept", near, "/v1/banner", header("Cache-Control", "max-age=60"), []string{"cache"}},
		{"no banner", beside, "/v1/banner", func(r *recorded) { r.status, r.body = 500, "" }, []string{"banner"}},
		{"a star from a server in front", beside, "/v1/banner", header("Access-Control-Allow-Origin", "*"), []string{"banner"}},
		{"CORS where none is wanted", near, "/v1/consent", header("Access-Control-Allow-Origin", "*"), []string{"decisions", "strangers"}},
		{"cookies that are not Secure", beside, "/v1/consent", func(r *recorded) { r.cookies(strings.NewReplacer("secure", "x", "Secure", "x")) }, []string{"cookies", "cookies"}},
		{"a token that scripts read", near, "/v1/consent", func(r *recorded) { r.cookies(strings.NewReplacer("HttpOnly", "x")) }, []string{"cookies"}},
		{"the Domain is taken away", beside, "/v1/consent", func(r *recorded) { r.cookies(strings.NewReplacer("domain=", "x=", "Domain=", "x=")) }, []string{"cookies", "cookies"}},
		{"renamed cookies", near, "/v1/consent", func(r *recorded) { r.cookies(strings.NewReplacer("__Host-", "")) }, []string{"cookies", "cookies"}},
		{"cookies of another site", far, "/v1/consent", header("Set-Cookie", "a=b"), []string{"cookies"}},
		{"the page forbids the collector", far, "/", func(r *recorded) {
			r.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self'")
		}, []string{"Content-Security-Policy", "Content-Security-Policy", "Content-Security-Policy"}},
		{"the loader alone is allowed", near, "/", header("Content-Security-Policy", "script-src 'nonce-abc'; connect-src 'self'"), []string{"Content-Security-Policy"}},
		{"an older edition is pinned", near + "pinned", "/pinned", replace("/k.", "/k.0011223344556677.js?"), []string{"pin"}},
		{"another integrity is pinned", near + "pinned", "/pinned", replace("sha384-", "sha384-x"), []string{"pin"}},
		{"pinned without crossorigin", far + "pinned", "/pinned", replace(" crossorigin", ""), []string{"tag"}},
		{"no tag", near, "/", replace("k.js", "other.js"), []string{"tag"}},
		{"another site's tag", near, "/", replace(`data-site="near"`, `data-site="unknown"`), []string{"tag"}},
		{"the tag of a site in another mode", near, "/", replace(`data-site="near"`, `data-site="far"`), []string{"mode", "banner", "decisions"}},
		{"mixed content", beside, "/", replace("https://", "http://"), []string{"mixed content"}},
		{"the page has moved to another host", near, "/", func(r *recorded) {
			r.status = 302
			r.Header().Set("Location", "https://elsewhere.invalid/")
		}, []string{"page"}},
	} {
		bad := lookAt(t, n.PublicURL(), c.url, func(path string, r *recorded) {
			if strings.HasSuffix(path, c.at) && (c.at != "/" || path == "/") {
				c.tamper(r)
			}
		})
		var what []string
		for _, f := range bad {
			name, _, _ := strings.Cut(f, ": ")
			what = append(what, name)
		}
		if c.name == "mixed content" && len(what) > 0 {
			what = what[:1] // a browser would stop here; what follows depends on the http side
		}
		if !slices.Equal(what, c.what) {
			t.Errorf("%s: %q, want %v", c.name, bad, c.what)
		}
	}
}

// TestInspectIsBounded: an answer without end, and addresses that are none.
func TestInspectIsBounded(t *testing.T) {
	endless := func(_ string, r *recorded) { r.body = strings.Repeat("x", 3<<20) }
	front := &front{t: t, node: "http://127.0.0.1:1"}
	for _, address := range []string{"", "www.example.com", "ftp://www.example.com/", "http://www.example.com/", "https://shop.localhost/"} {
		err := inspect.Look(t.Context(), inspect.Options{URL: address, Client: through(t, front, endless)}, func(inspect.Finding) {})
		if err == nil {
			t.Errorf("%q is looked at", address)
		}
	}
}

// lookAt is what is bad of an address, with a server in front that tampers.
func lookAt(t *testing.T, node, address string, tamper func(path string, r *recorded)) (bad []string) {
	t.Helper()
	if tamper == nil {
		tamper = func(string, *recorded) {}
	}
	err := inspect.Look(t.Context(), inspect.Options{URL: address, Client: through(t, &front{t: t, node: node}, tamper)}, func(f inspect.Finding) {
		if f.Bad {
			bad = append(bad, f.What+": "+f.Text)
		}
	})
	if err != nil {
		bad = append(bad, "look: "+err.Error())
	}
	return bad
}

// recorded is an answer that can be changed before it is sent.
type recorded struct {
	*httptest.ResponseRecorder
	status int
	body   string
}

// cookies changes every Set-Cookie.
func (r *recorded) cookies(by *strings.Replacer) {
	lines := r.Header()["Set-Cookie"]
	for i := range lines {
		lines[i] = by.Replace(lines[i])
	}
}

// through is a transport that ends at a front of this process for every host.
func through(t *testing.T, f *front, tamper func(path string, r *recorded)) http.RoundTripper {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r := &recorded{ResponseRecorder: httptest.NewRecorder()}
		f.ServeHTTP(r.ResponseRecorder, req)
		r.status, r.body = r.Code, r.Body.String()
		tamper(req.URL.Path, r)
		r.Header().Del("Content-Length")
		for name, values := range r.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(r.status)
		_, _ = io.WriteString(w, r.body) // who looks may have seen enough
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // mixed content is tried too
	s.StartTLS()
	t.Cleanup(s.Close)
	tr := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the certificate was made for this test
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}
