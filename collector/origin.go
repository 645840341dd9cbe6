package collector

import (
	"net/url"
	"slices"
	"strings"
)

// sameOrigin reports whether a request that changes something comes from one of
// the site's own hosts. A missing Origin is accepted only with a same-site
// Sec-Fetch-Site, or with none at all (old browsers and servers).
func sameOrigin(origin, fetchSite string, hosts []string) bool {
	if origin == "null" && fetchSite == "same-origin" {
		return true // a form of a page that names nobody as its origin; only browsers send Sec-Fetch-Site
	}
	if origin == "" {
		return fetchSite == "" || fetchSite == "same-origin" || fetchSite == "same-site" || fetchSite == "none"
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return false
	}
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if u.Scheme == "http" && !loopbackName(name) {
		return false // a page that came without TLS could have been changed on its way
	}
	return slices.Contains(hosts, name)
}

// loopbackName reports a host that never leaves the machine; plain http is
// accepted there.
func loopbackName(name string) bool {
	return name == "localhost" || name == "127.0.0.1" || name == "::1" || strings.HasSuffix(name, ".localhost")
}

// hostName is the host of a Host header, without its port.
func hostName(host string) string {
	u, err := url.Parse("//" + host)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}
