package minimise

import (
	"net/url"
	"strings"
)

const (
	maxPath = 512 // bytes
	maxTag  = 64  // bytes
)

// split cuts an address into its host, its path and its query, in lower case for
// the host and as they stand for the others. A fragment is cut off. What is no
// web address yields nothing.
func split(address string) (host, path, query string) {
	rest, ok := strings.CutPrefix(address, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(address, "http://"); !ok {
			return "", "", ""
		}
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ = strings.Cut(rest, "?")
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		host, path = rest[:slash], rest[slash:]
	} else {
		host = rest
	}
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:colon]
	}
	return strings.ToLower(strings.TrimSuffix(host, ".")), path, query
}

func hostOf(address string) string {
	host, _, _ := split(address)
	return host
}

// Path is the path of a page as the browser names it, percent-encoded: without
// query and fragment, also where a broken link carries them with their marks
// encoded; without parameters of a segment, which carry session ids; and with a
// mask in place of every segment that holds an e-mail address, a phone number or
// an identification number.
func Path(address string) string {
	host, p, _ := split(address)
	return clean(host, p)
}

func clean(host, p string) string {
	if host == "" {
		return ""
	}
	p = marked(p)
	if p == "" {
		return "/"
	}
	if !plain(p) {
		p = segments(p)
	}
	if len(p) > maxPath {
		p = p[:maxPath]
		if i := strings.LastIndexByte(p, '%'); i > maxPath-3 {
			p = p[:i]
		}
	}
	return p
}

// marked cuts a path at an encoded question or number sign, encoded once or more
// than once.
func marked(p string) string {
	for i := 0; i < len(p); i++ {
		if p[i] != '%' {
			continue
		}
		rest := p[i+1:]
		for strings.HasPrefix(rest, "25") { // a per cent sign that is itself encoded
			rest = rest[2:]
		}
		if len(rest) >= 2 && (strings.EqualFold(rest[:2], "3f") || rest[:2] == "23") {
			return p[:i]
		}
	}
	return p
}

// plain reports a path in which nothing can hide: small words without signs, and
// no long run of digits.
func plain(p string) bool {
	digits := 0
	for i := range len(p) {
		c := p[i]
		switch {
		case c >= '0' && c <= '9':
			if digits++; digits >= minDigits {
				return false
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '/':
		case c == '-', c == '.', c == '~', c == '_':
			continue // a number may be written with signs in it
		default:
			return false
		}
		if c < '0' || c > '9' {
			digits = 0
		}
	}
	return true
}

// segments masks and encodes the segments of a path.
func segments(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		part, _, _ = strings.Cut(part, ";")
		text, ok := decoded(part)
		switch mask := personal(text); {
		case mask != "":
			parts[i] = mask
		case !ok:
			parts[i] = url.PathEscape(part) // no browser encodes like that
		default:
			parts[i] = encoded(part)
		}
	}
	return strings.Join(parts, "/")
}

// decoded undoes the encoding of a segment, also where it was done twice or
// three times.
func decoded(s string) (string, bool) {
	for round := range 3 {
		once, err := url.PathUnescape(s)
		if err != nil {
			return s, round > 0 // a sign that stands for itself
		}
		s = once
	}
	return s, true
}

// encoded leaves a segment as the browser wrote it, and encodes what a browser
// would not have left as it is.
func encoded(s string) string {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			text, err := url.PathUnescape(s)
			if err != nil {
				text = s
			}
			return url.PathEscape(text)
		}
	}
	return s
}

// tags keeps the allow-listed campaign keys of a query, the first value of each.
func (v *Values) tags(query string) {
	for query != "" {
		at := strings.IndexByte(query, '&')
		pair := query
		if at >= 0 {
			pair, query = query[:at], query[at+1:]
		} else {
			query = ""
		}
		key, found := strings.CutPrefix(pair, "utm_")
		if !found {
			continue
		}
		key, value, _ := strings.Cut(key, "=")
		if to := v.campaignKey(key); to != nil && *to == "" {
			*to = tag(value)
		}
	}
}

// campaignKey is where the value of a campaign key goes; nil for every other key.
func (v *Values) campaignKey(key string) *string {
	switch key {
	case "source":
		return &v.UTMSource
	case "medium":
		return &v.UTMMedium
	case "campaign":
		return &v.UTMCampaign
	case "content":
		return &v.UTMContent
	case "term":
		return &v.UTMTerm
	}
	return nil
}

// tag is the value of a campaign key. What is too long, reads as something
// personal, or holds anything but letters, digits and a few signs is left out
// whole.
func tag(encoded string) string {
	s, err := url.QueryUnescape(encoded)
	if err != nil || len(s) > maxTag {
		return ""
	}
	letters := true
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			letters = false
			break
		}
	}
	if letters {
		return s
	}
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0x400 && c < 0x530:
		case strings.ContainsRune("-_.+ ", c):
		default:
			return ""
		}
	}
	if personal(s) != "" {
		return ""
	}
	return s
}
