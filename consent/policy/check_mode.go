package policy

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// mode checks how the site is served, and the domain of the cookies where there is
// one.
func (c *checker) mode() {
	p := c.p
	switch p.Mode {
	case ModePath, ModeCrossOrigin:
		if p.Domain != "" {
			c.add("cookie_domain", p.Domain, "stands in mode subdomain alone: in mode "+string(p.Mode)+" the cookies belong to one host")
		}
	case ModeSubdomain:
		c.domain()
	default:
		c.add("mode", string(p.Mode), "is one of path, subdomain, cross-origin")
	}
}

// domain checks that the cookies reach every host of the site, and no site of
// somebody else.
func (c *checker) domain() {
	d := c.p.Domain
	switch {
	case d == "":
		c.add("cookie_domain", "", "is missing: in mode subdomain it is the parent of the hosts and of the collector, as example.com")
		return
	case len(d) > 253 || !matches(hostPattern, d) || numeric(d):
		c.add("cookie_domain", d, "is a host name in small letters, without a dot in front, scheme or port, as example.com")
		return
	}
	if suffix, _ := publicsuffix.PublicSuffix(d); suffix == d {
		c.add("cookie_domain", d, "is a public suffix: others have sites below it, and browsers refuse cookies for it")
		return
	}
	for i, h := range c.p.Hosts {
		if !Within(h, d) {
			c.add(index("hosts", i), h, "is not within cookie_domain "+d+": the cookies would not reach it")
		}
	}
}

// numeric reports the last label of an address of IPv4.
func numeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return strings.Trim(last, "0123456789") == ""
}

// Within reports whether a host is a domain or stands below it.
func Within(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// Limits is what the site's deployment mode cannot promise, a sentence each;
// nothing in mode path, where all rules hold.
func (p *Policy) Limits() []string {
	limits := p.limits()
	if p.Clear && p.Mode != ModePath {
		limits = append(limits, "clear_site_data does nothing: it would clear the storage of the collector's origin, not that of the site")
	}
	return limits
}

func (p *Policy) limits() []string {
	switch p.Mode {
	case ModeSubdomain:
		return []string{
			"every host below " + p.Domain + " is sent both cookies with each request, and a page of any of them can read and overwrite the state cookie; the token is hidden from scripts, not from those hosts' servers",
			"a subdomain whose address leads to somebody else's network counts as a third party in Safari: cookies that such a collector sets last 7 days at most there, and visitors are asked again",
			"only the hosts that the policy lists may call the collector; the collector's own host must stand below " + p.Domain,
		}
	case ModeCrossOrigin:
		return []string{
			"Safari keeps cookies that a script writes for 7 days at most, and 24 hours after a click that came with a click id: visitors are asked again, also those who refused",
			"every script on the page can read the token and send events with it: a tag of somebody else can make up telemetry of a consenting visitor, though nothing that the consent does not permit",
			"the site's own server is sent both cookies with each request, the token among them: keep them out of its logs",
			"a script on the page, or whoever changes the page, can write or delete the cookies; a deleted token leaves a consent that the visitor cannot take back until it ends",
			"the page /privacy/" + p.Site + " shows the policy and its history, not what is held about this browser: taking back works through the banner",
			"block lists and browsers that partition other sites treat the collector as a third party: where its address is blocked nobody is asked and nothing is collected",
		}
	}
	return nil
}
