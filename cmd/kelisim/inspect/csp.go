package inspect

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// policies are the Content-Security-Policies of a page; each must allow what is
// loaded.
type policies []map[string][]string

// parsePolicies reads a header line: policies are parted by commas, directives by
// semicolons. Of a directive that stands twice the first counts.
func parsePolicies(line string) (all policies) {
	for one := range strings.SplitSeq(line, ",") {
		p := map[string][]string{}
		for directive := range strings.SplitSeq(one, ";") {
			words := strings.Fields(directive)
			if len(words) == 0 {
				continue
			}
			name := strings.ToLower(words[0])
			if _, twice := p[name]; !twice {
				p[name] = words[1:]
			}
		}
		if len(p) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// faults is what the policies forbid of what the tag loads.
func (all policies) faults(p *page) (out []string) {
	if p.src == nil {
		return nil
	}
	for _, csp := range all {
		script := sources(csp, "script-src-elem", "script-src", "default-src")
		trusted := slices.Contains(script, "'strict-dynamic'")
		byNonce := p.nonce != "" && slices.Contains(script, "'nonce-"+p.nonce+"'") || p.integrity != "" && slices.Contains(script, "'"+p.integrity+"'")
		byHost := !trusted && matchesAny(script, p.src, p.url)
		switch {
		case script == nil:
		case !byNonce && !byHost:
			out = append(out, "script-src does not allow the loader: add its nonce to the tag, or "+p.src.Scheme+"://"+p.src.Host)
		case !trusted && !matchesAny(script, p.src, p.url):
			out = append(out, fmt.Sprintf("script-src allows the loader but not the files it loads: add 'strict-dynamic' or %s://%s", p.src.Scheme, p.src.Host))
		}
		for _, kind := range []string{"connect-src", "style-src"} {
			list := sources(csp, kind, "default-src")
			if kind == "style-src" {
				list = sources(csp, "style-src-elem", "style-src", "default-src")
			}
			if list != nil && !matchesAny(list, p.src, p.url) {
				out = append(out, fmt.Sprintf("%s does not allow %s://%s", kind, p.src.Scheme, p.src.Host))
			}
		}
		if names, ok := csp["trusted-types"]; ok && !slices.Contains(names, "kelisim") && !slices.Contains(names, "*") && len(csp["require-trusted-types-for"]) > 0 {
			out = append(out, "trusted-types does not name kelisim, the policy that waiting tags and pinned files need")
		}
	}
	return out
}

// sources is the first directive that stands there; nil where none does, and then
// everything is allowed.
func sources(csp map[string][]string, names ...string) []string {
	for _, name := range names {
		if list, ok := csp[name]; ok {
			return append([]string{}, list...)
		}
	}
	return nil
}

func matchesAny(list []string, u, page *url.URL) bool {
	return slices.ContainsFunc(list, func(source string) bool { return matches(source, u, page) })
}

// matches compares a source expression with an address, as CSP 3 has it.
func matches(source string, u, page *url.URL) bool {
	switch lower := strings.ToLower(source); {
	case lower == "*":
		return u.Scheme == "https" || u.Scheme == "http"
	case lower == "'self'":
		return u.Host == page.Host && (u.Scheme == page.Scheme || u.Scheme == "https")
	case strings.HasPrefix(lower, "'"):
		return false
	case strings.HasSuffix(lower, ":") && !strings.Contains(lower, "."):
		return lower == u.Scheme+":" || lower == "http:" && u.Scheme == "https"
	}
	rest := source
	if scheme, after, ok := strings.Cut(source, "://"); ok {
		if scheme != u.Scheme && (scheme != "http" || u.Scheme != "https") {
			return false
		}
		rest = after
	}
	authority, path, hasPath := strings.Cut(rest, "/")
	host, port, hasPort := strings.Cut(authority, ":")
	if !matchesHost(strings.ToLower(host), u.Hostname()) {
		return false
	}
	if own := portOf(u); hasPort && port != "*" && port != own || !hasPort && own != map[string]string{"https": "443", "http": "80"}[u.Scheme] {
		return false
	}
	path = "/" + path
	return !hasPath || path == "/" || u.Path == path || strings.HasSuffix(path, "/") && strings.HasPrefix(u.Path, path)
}

func matchesHost(pattern, host string) bool {
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, suffix)
	}
	return pattern == host
}

func portOf(u *url.URL) string {
	if u.Port() != "" {
		return u.Port()
	}
	return map[string]string{"https": "443", "http": "80"}[u.Scheme]
}
