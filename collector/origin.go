package collector

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kelisim/consent/policy"
)

// caller is where a request says that it comes from. A browser writes these
// headers itself and lets no page change them.
type caller struct {
	origin string // Origin
	site   string // Sec-Fetch-Site
	mode   string // Sec-Fetch-Mode
}

func callerOf(c *fiber.Ctx) caller {
	var s said
	s.read(c)
	return s.caller
}

// fromScript reports whether a call of the API comes from a script of one of the
// site's own pages. A navigation is none: a form can send one from anywhere. Old
// browsers and servers send no Sec-Fetch-Mode.
func (from caller) fromScript(of site) bool {
	switch from.mode {
	case "", "cors", "no-cors", "same-origin":
		return from.fromSite(of)
	}
	return false
}

// fromSite reports whether a request that changes something comes from one of the
// site's own hosts. A missing Origin is accepted only with a same-site
// Sec-Fetch-Site, or with none at all (old browsers and servers). In mode
// cross-origin the site's pages are cross-site to the collector and must say who
// they are.
func (from caller) fromSite(of site) bool {
	switch from.site {
	case "", "same-origin", "same-site":
	case "none":
		return from.origin == ""
	case "cross-site":
		if of.mode != policy.ModeCrossOrigin {
			return false
		}
		host, ok := from.host()
		return ok && of.has(host)
	default:
		return false
	}
	switch from.origin {
	case "":
		return true
	case "null":
		return from.site == "same-origin" // a page that names nobody as its origin; only browsers send Sec-Fetch-Site
	}
	host, ok := from.host()
	return ok && of.has(host)
}

// fromPage reports whether a form of the privacy page was sent: from the site
// itself or, in mode subdomain, from the collector's own host, where that page is.
func (from caller) fromPage(of site, own string) bool {
	if from.fromSite(of) {
		return true
	}
	host, ok := from.host()
	return of.mode == policy.ModeSubdomain && ok && policy.Within(host, of.domain) &&
		(from.site == "same-origin" || from.site == "" && host == own)
}

// has reports one of the site's hosts.
func (s site) has(host string) bool { return slices.Contains(s.hosts, host) }

// host is the host of the Origin. There is none where it is no origin of the web,
// and where the page came without TLS: it could have been changed on its way.
func (from caller) host() (name string, ok bool) {
	scheme, authority, found := strings.Cut(from.origin, "://")
	if !found || scheme != "https" && scheme != "http" {
		return "", false
	}
	name, plain := plainHost(authority)
	if !plain {
		u, err := url.Parse(from.origin)
		if err != nil || u.Host == "" || from.origin != u.Scheme+"://"+u.Host {
			return "", false
		}
		name = strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	}
	return name, scheme == "https" || loopbackName(name)
}

// plainHost is the host of an authority, without port and trailing dot, where it is
// written as nearly all are: small letters, digits, dots, hyphens, and a port of
// digits. Any other is for url.Parse to read.
func plainHost(authority string) (host string, plain bool) {
	host, port, found := strings.Cut(authority, ":")
	for i := range len(host) {
		if c := host[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return "", false
		}
	}
	for i := range len(port) {
		if c := port[i]; c < '0' || c > '9' {
			return "", false
		}
	}
	return strings.TrimSuffix(host, "."), host != "" && (port != "" || !found)
}

// loopbackName reports a host that never leaves the machine; plain http is
// accepted there.
func loopbackName(name string) bool {
	return name == "localhost" || name == "127.0.0.1" || name == "::1" || strings.HasSuffix(name, ".localhost")
}

// hostName is the host of a request, without its port: the Host header and no
// other, because a visitor can write X-Forwarded-Host.
func hostName(c *fiber.Ctx) string {
	written := string(c.Request().Header.Host())
	if name, plain := plainHost(written); plain {
		return name
	}
	u, err := url.Parse("//" + written)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}
