package inspect

import (
	"net/url"
	"testing"
)

// TestSourceExpressions: what a source of a Content-Security-Policy allows.
func TestSourceExpressions(t *testing.T) {
	page := &url.URL{Scheme: "https", Host: "www.example.com"}
	for _, c := range []struct {
		source, address string
		allowed         bool
	}{
		{"'self'", "https://www.example.com/kelisim/k.js", true},
		{"'self'", "https://collect.example.com/k.js", false},
		{"*", "https://collect.example.com/k.js", true},
		{"https:", "https://collect.example.com/k.js", true},
		{"http:", "https://collect.example.com/k.js", true},
		{"data:", "https://collect.example.com/k.js", false},
		{"collect.example.com", "https://collect.example.com/k.js", true},
		{"COLLECT.example.com", "https://collect.example.com/k.js", true},
		{"https://collect.example.com", "https://collect.example.com/k.js", true},
		{"https://collect.example.com:443", "https://collect.example.com/k.js", true},
		{"https://collect.example.com:8443", "https://collect.example.com/k.js", false},
		{"https://collect.example.com", "https://collect.example.com:8443/k.js", false},
		{"https://collect.example.com:*", "https://collect.example.com:8443/k.js", true},
		{"http://collect.example.com", "https://collect.example.com/k.js", true},
		{"wss://collect.example.com", "https://collect.example.com/k.js", false},
		{"*.example.com", "https://collect.example.com/k.js", true},
		{"*.example.com", "https://example.com/k.js", false},
		{"*.example.com", "https://evilexample.com/k.js", false},
		{"https://www.example.com/kelisim/", "https://www.example.com/kelisim/k.js", true},
		{"https://www.example.com/other/", "https://www.example.com/kelisim/k.js", false},
		{"https://www.example.com/kelisim/k.js", "https://www.example.com/kelisim/k.js", true},
		{"'none'", "https://www.example.com/k.js", false},
		{"'unsafe-inline'", "https://www.example.com/k.js", false},
		{"'nonce-abc'", "https://www.example.com/k.js", false},
	} {
		u, err := url.Parse(c.address)
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(c.source, u, page); got != c.allowed {
			t.Errorf("%s allows %s: %v", c.source, c.address, got)
		}
	}
}

// TestPoliciesOfAPage: each of several policies must allow what is loaded, and the
// first of two directives of a name counts.
func TestPoliciesOfAPage(t *testing.T) {
	src, err := url.Parse("https://collect.example.com/k.js")
	if err != nil {
		t.Fatal(err)
	}
	p := &page{url: &url.URL{Scheme: "https", Host: "www.example.com"}, src: src, nonce: "abc"}
	const all = "https://collect.example.com"
	for header, want := range map[string]int{
		"":                   0,
		"img-src 'none'":     0,
		"default-src 'self'": 3,
		"default-src " + all: 0,
		"script-src 'nonce-abc' 'strict-dynamic'; connect-src " + all + "; style-src " + all: 0,
		"script-src 'nonce-other' 'strict-dynamic' " + all:                                   1, // strict-dynamic leaves hosts out
		"script-src 'nonce-abc'":                                                                     1,
		"script-src 'nonce-abc' " + all:                                                              0,
		"script-src " + all + "; script-src 'none'":                                                  0,
		"script-src " + all + ", script-src 'none'":                                                  1,
		"script-src " + all + "; require-trusted-types-for 'script'; trusted-types other":            1,
		"script-src " + all + "; require-trusted-types-for 'script'; trusted-types other kelisim":    0,
		"default-src 'none'; script-src-elem " + all + "; style-src-elem " + all + "; connect-src *": 0,
	} {
		if got := parsePolicies(header).faults(p); len(got) != want {
			t.Errorf("%q: %q, want %d", header, got, want)
		}
	}
}
