package policy

import (
	"strings"
	"testing"
)

const (
	exampleHosts = "hosts: [www.example.com, example.com]"
	exampleMode  = "\nmode: path"
)

// TestModes: what a policy says about its mode, and the domains that browsers take
// cookies for.
func TestModes(t *testing.T) {
	for _, c := range []struct{ hosts, mode, rule string }{
		{"www.example.com, example.com", "path", ""},
		{"www.example.com, example.com", "subdomain\ncookie_domain: example.com", ""},
		{"a.shop.example.kz, b.shop.example.kz", "subdomain\ncookie_domain: shop.example.kz", ""},
		{"shop.localhost", "subdomain\ncookie_domain: shop.localhost", ""},
		{"www.example.com, www.example.org", "cross-origin", ""},
		{"www.example.com", "subdomain\ncookie_domain: com", "public suffix"},
		{"www.example.org.kz", "subdomain\ncookie_domain: org.kz", "public suffix"},
		{"one.github.io", "subdomain\ncookie_domain: github.io", "public suffix"},
		{"shop.localhost", "subdomain\ncookie_domain: localhost", "public suffix"},
		{"www.example.com", "subdomain\ncookie_domain: .example.com", "host name"},
		{"www.example.com", "subdomain\ncookie_domain: EXAMPLE.com", "host name"},
		{"127.0.0.1", "subdomain\ncookie_domain: 127.0.0.1", "host name"},
		{"badexample.com", "subdomain\ncookie_domain: example.com", "not within"},
		{"www.example.com", "subdomain\ncookie_domain: www2.www.example.com", "not within"},
		{"www.example.com", "path\ncookie_domain: example.com", "mode subdomain alone"},
	} {
		s := strings.Replace(string(shipped(t, "example.yaml")), exampleHosts, "hosts: ["+c.hosts+"]", 1)
		_, problems := Parse("example.yaml", []byte(strings.Replace(s, exampleMode, "\nmode: "+c.mode, 1)))
		if c.rule == "" && len(problems) > 0 || c.rule != "" && (len(problems) != 1 || !strings.Contains(problems[0].Rule, c.rule)) {
			t.Errorf("hosts %s, mode %s: %v; want %q", c.hosts, c.mode, problems, c.rule)
		}
	}
}

// TestTheModeIsOutsideTheHash: a site can move its collector without asking anew.
func TestTheModeIsOutsideTheHash(t *testing.T) {
	want := parsed(t, "example.yaml").Hash()
	for _, mode := range []string{"cross-origin", "subdomain\ncookie_domain: example.com"} {
		p := edit(t, "example.yaml", exampleMode, "\nmode: "+mode)
		if p.Hash() != want {
			t.Errorf("the mode %s changes the hash", mode)
		}
		if len(p.Limits()) == 0 {
			t.Errorf("the mode %s promises everything", mode)
		}
	}
	if l := parsed(t, "example.yaml").Limits(); l != nil {
		t.Errorf("the mode path does not promise: %q", l)
	}
}

// TestSitesThatShareCookies: two sites must not overwrite each other's cookies.
func TestSitesThatShareCookies(t *testing.T) {
	site := func(name, host, domain string) *Policy {
		return edit(t, "example.yaml", "site: example\n", "site: "+name+"\n", exampleHosts, "hosts: ["+host+"]", exampleMode, "\nmode: subdomain\ncookie_domain: "+domain)
	}
	for _, c := range []struct {
		domain string
		shared bool
	}{{"example.com", true}, {"b.example.com", true}, {"example.org", false}} {
		_, problems := NewCatalogue([]*Policy{site("one", "a.example.com", "example.com"), site("two", "b."+strings.TrimPrefix(c.domain, "b."), c.domain)}, nil)
		if shared := len(problems) == 1 && problems[0].Field == "cookie_domain"; shared != c.shared {
			t.Errorf("%s beside example.com: %v", c.domain, problems)
		}
	}
}
