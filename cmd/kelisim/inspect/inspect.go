// Package inspect looks at a deployed page or collector from outside, as a browser
// would, and says what is wrong with it: whether the loader is there, whether the
// deployment mode fits the place it lives at, what the cookies are called and how
// they are marked, what the page's Content-Security-Policy makes of it, and whether
// every file is what it should be.
//
// It changes nothing: the only call that could is a withdrawal of no consent, which
// leaves no trace. It is bounded in time and in bytes, and follows no redirect to
// another host.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"kelisim/banner"
	"kelisim/consent/policy"
)

// Options say what to look at.
type Options struct {
	URL      string            // a page that carries the tag, or a collector
	Policies []*policy.Policy  // what should be in force there; none if it is not known
	Client   http.RoundTripper // default one that verifies certificates; tests bring their own
}

// Finding is one thing that was looked at.
type Finding struct {
	Bad        bool
	What, Text string
}

// within bounds the whole look.
const within = 60 * time.Second

// Look looks, and tells each finding as it comes. The error says why nothing could
// be looked at.
func Look(ctx context.Context, o Options, tell func(Finding)) error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return errors.New("inspect: give the address of a page or of a collector, as https://www.example.com/")
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	x := &look{o: o, fetch: newFetcher(o.Client), tell: tell}
	first, err := x.fetch.get(ctx, u.String(), nil)
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	if to := first.header.Get("Location"); first.status >= 300 && first.status < 400 {
		x.bad("page", "leads to %s, another host: look at that one", hostOf(to))
		return nil
	}
	if p, ok := pageOf(first); ok {
		if p.src == nil {
			x.bad("tag", "the page has no script that ends in k.js, or a script adds it later")
			return nil
		}
		x.page = p
		x.base, x.site = p.base, p.site
		x.lookAtPage()
	} else {
		x.base = strings.TrimSuffix(strings.TrimSuffix(u.String(), "k.js"), "/") + "/"
	}
	x.lookAtCollector(ctx)
	return nil
}

// look is one look at one deployment.
type look struct {
	o     Options
	fetch *fetcher
	tell  func(Finding)

	page *page  // nil when a collector was named
	base string // of the collector, ends in a slash
	site string // by the tag
	mode policy.Mode
}

func (x *look) ok(what, format string, args ...any) {
	x.tell(Finding{What: what, Text: fmt.Sprintf(format, args...)})
}

func (x *look) bad(what, format string, args ...any) {
	x.tell(Finding{Bad: true, What: what, Text: fmt.Sprintf(format, args...)})
}

// lookAtPage looks at the tag and at the policy that the page was served with.
func (x *look) lookAtPage() {
	p := x.page
	if p.url.Scheme == "https" && strings.HasPrefix(p.src.String(), "http:") {
		x.bad("mixed content", "the page came by https and its tag asks for %s: browsers block it", p.src)
	}
	if p.url.Scheme == "http" && !loopback(p.url.Hostname()) {
		x.bad("page", "came without TLS: nothing that it sends is taken")
	}
	if p.site == "" {
		x.bad("tag", "has no data-site: the loader does not know which site it is for")
	}
	x.mode = placed(p.url, p.src)
	for _, fault := range p.policies.faults(p) {
		x.bad("Content-Security-Policy", "%s", fault)
	}
	if len(p.policies.faults(p)) == 0 {
		x.ok("Content-Security-Policy", "%s", map[bool]string{true: "allows all that is loaded", false: "there is none"}[len(p.policies) > 0])
	}
	if other := p.url.Scheme + "://" + p.url.Host; p.integrity != "" && !sameOrigin(p.url, p.src) && !p.crossorigin {
		x.bad("tag", "has an integrity but no crossorigin attribute: of another origin than %s the browser cannot check the file and refuses it", other)
	}
}

// placed is the mode that fits where the loader lives.
func placed(page, src *url.URL) policy.Mode {
	if sameOrigin(page, src) {
		return policy.ModePath
	}
	if a, b := parent(page.Hostname()), parent(src.Hostname()); a != "" && a == b {
		return policy.ModeSubdomain
	}
	return policy.ModeCrossOrigin
}

func parent(host string) string {
	d, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return ""
	}
	return d
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	return u.Host
}

func loopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1" || strings.HasSuffix(host, ".localhost")
}

// policyOf is what should be in force for a site, if it is known.
func (x *look) policyOf(site string) *policy.Policy {
	for _, p := range x.o.Policies {
		if p.Site == site {
			return p
		}
	}
	return nil
}

// modeNamed is the mode that a loader names by the beginning of the cookies' names.
func modeNamed(prefix string) policy.Mode {
	for _, m := range []policy.Mode{policy.ModeSubdomain, policy.ModeCrossOrigin} {
		if banner.Prefix(m) == prefix {
			return m
		}
	}
	return policy.ModePath
}
