package accesslog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const good = `203.0.113.5 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 203 "http://search.example/?q=x" "Mozilla/5.0 (X11)"`

func TestRead(t *testing.T) {
	at := time.Date(2015, 5, 17, 10, 5, 3, 0, time.UTC)
	view := Pageview{Address: "203.0.113.5", UserAgent: "Mozilla/5.0 (X11)", Path: "/a", Referrer: "http://search.example/?q=x", Time: at}
	with := func(change func(*Pageview)) []Pageview {
		v := view
		change(&v)
		return []Pageview{v}
	}
	request := func(r string) string { return strings.Replace(good, "GET /a HTTP/1.1", r, 1) }
	path := func(p string) []Pageview { return with(func(v *Pageview) { v.Path = p }) }
	for _, test := range []struct {
		name, line string
		want       []Pageview
		malformed  int
	}{
		{"a page view", good, []Pageview{view}, 0},
		{"one that the browser had", strings.Replace(good, " 200 ", " 304 ", 1), []Pageview{view}, 0},
		{"not found", strings.Replace(good, " 200 ", " 404 ", 1), nil, 0},
		{"a redirect", strings.Replace(good, " 200 ", " 301 ", 1), nil, 0},
		{"partial content", strings.Replace(good, " 200 ", " 206 ", 1), nil, 0},
		{"another method", request("POST /a HTTP/1.1"), nil, 0},
		{"a small method", request("get /a HTTP/1.1"), nil, 0},
		{"HEAD", request("HEAD /a HTTP/1.1"), nil, 0},
		{"a file", request("GET /a/b.png HTTP/1.1"), nil, 0},
		{"a file with a query", request("GET /b.css?v=1 HTTP/1.1"), nil, 0},
		{"a dot at the end", request("GET /b. HTTP/1.1"), nil, 0},
		{"a hidden file", request("GET /.htaccess HTTP/1.1"), nil, 0},
		{"a dot in a folder", request("GET /v1.2/page HTTP/1.1"), path("/v1.2/page"), 0},
		{"a dot in the query", request("GET /a?f=x.png HTTP/1.1"), path("/a"), 0},
		{"a query and a fragment", request("GET /a?x#y HTTP/1.1"), path("/a"), 0},
		{"a fragment", request("GET /a#x.png HTTP/1.1"), path("/a"), 0},
		{"the root", request("GET / HTTP/1.1"), path("/"), 0},
		{"a folder", request("GET /blog/tags/ HTTP/1.1"), path("/blog/tags/"), 0},
		{"a whole address", request("GET http://www.example.com/a HTTP/1.1"), nil, 0},
		{"HTTP/0.9", request("GET /a"), path("/a"), 0},
		{"an empty request", request("-"), nil, 0},
		{"no referrer", strings.Replace(good, "http://search.example/?q=x", "-", 1), with(func(v *Pageview) { v.Referrer = "" }), 0},
		{"a quoted User-Agent", strings.Replace(good, "(X11)", `\"odd\"`, 1), with(func(v *Pageview) { v.UserAgent = `Mozilla/5.0 \"odd\"` }), 0},
		{"IPv6", strings.Replace(good, "203.0.113.5", "2001:db8::1", 1), with(func(v *Pageview) { v.Address = "2001:db8::1" }), 0},
		{"another time zone", strings.Replace(good, "10:05:03 +0000", "15:05:03 +0500", 1), []Pageview{view}, 0},
		{"a host name", strings.Replace(good, "203.0.113.5", "www.example.com", 1), nil, 1},
		{"no such day", strings.Replace(good, "17/May", "32/May", 1), nil, 1},
		{"the common format", good[:strings.Index(good, ` "http`)], nil, 1},
		{"an empty line", "", nil, 1},
		{"a cut line", good[:80], nil, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []Pageview
			c, err := Read(strings.NewReader(test.line+"\n"), func(v Pageview) error {
				v.Time = v.Time.UTC()
				got = append(got, v)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
			if want := (Counts{Lines: 1, Malformed: test.malformed, Pageviews: len(test.want)}); c != want {
				t.Errorf("counts %+v, want %+v", c, want)
			}
		})
	}
}

func TestReadStops(t *testing.T) {
	enough := errors.New("enough")
	seen := 0
	c, err := Read(strings.NewReader(strings.Repeat(good+"\n", 5)), func(Pageview) error {
		if seen++; seen == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || c.Lines != 2 || c.Pageviews != 2 {
		t.Errorf("%v after %+v", err, c)
	}
	if _, err := Read(strings.NewReader(good+"\n"+strings.Repeat("x", 2<<20)), func(Pageview) error { return nil }); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a line of 2 MiB: %v", err)
	}
}

// TestConsents: the same visitor always decides the same way, and 154 of 256
// consent.
func TestConsents(t *testing.T) {
	const visitors = 20_000
	yes := 0
	for i := range visitors {
		who := Pageview{Address: fmt.Sprint(i), UserAgent: " browser"}.Visitor()
		if Consents(who) != (sha256.Sum256([]byte(who))[0] < 154) {
			t.Fatalf("visitor %q decides in another way", who)
		}
		if Consents(who) {
			yes++
		}
	}
	if share := float64(yes) / visitors; share < 0.59 || share > 0.61 {
		t.Errorf("%.3f of the visitors consent, want 154/256 = 0.602", share)
	}
}

// FuzzParse: whatever a line holds, a page view has an address, a time and a
// path without query and extension, and says nothing that the line does not.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add(strings.Replace(good, "/a", `/a\"b?c#d`, 1))
	f.Add(`::1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 304 - "-" "-"`)
	f.Add(`a b c [] "" 200 0 "" ""`)
	f.Fuzz(func(t *testing.T, text string) {
		p, view, ok := parse(text)
		if view && !ok {
			t.Fatal("a malformed line is a page view")
		}
		if !view {
			return
		}
		last := p.Path[strings.LastIndexByte(p.Path, '/')+1:]
		if !strings.HasPrefix(p.Path, "/") || strings.ContainsAny(p.Path, "?# ") || strings.Contains(last, ".") {
			t.Fatalf("the path is %q", p.Path)
		}
		if p.Address == "" || p.Time.IsZero() || p.Visitor() != p.Address+p.UserAgent {
			t.Fatalf("%+v", p)
		}
		for _, part := range []string{p.Address, p.UserAgent, p.Path, p.Referrer} {
			if !strings.Contains(text, part) {
				t.Fatalf("%q does not stand in the line", part)
			}
		}
	})
}
