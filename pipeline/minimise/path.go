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
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	for i := 0; i < len(p); i++ {
		if sign, _ := encodedSign(p[i:]); sign == '?' || sign == '#' {
			return p[:i]
		}
	}
	return p
}

// encodedSign is the sign of ASCII that a text begins with, encoded once or more
// than once, and how long that is; 0 if it begins with none.
func encodedSign(s string) (sign byte, length int) {
	if s == "" || s[0] != '%' {
		return 0, 0
	}
	rest := s[1:]
	for strings.HasPrefix(rest, "25") { // a per cent sign that is itself encoded
		rest = rest[2:]
	}
	if len(rest) < 2 {
		return 0, 0
	}
	c, err := url.PathUnescape("%" + rest[:2])
	if err != nil || len(c) != 1 {
		return 0, 0
	}
	return c[0], len(s) - len(rest) + 2
}

// plain reports a path in which nothing can hide: words without signs, and no
// long run of digits.
func plain(p string) bool {
	digits, before := 0, byte('/')
	for i := range len(p) {
		c := p[i]
		switch {
		case digit(c):
			if digits++; digits >= minPlus {
				return false
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '/':
			digits = 0
		case c == '.' && digit(before) && i+1 < len(p) && digit(p[i+1]):
			return false // perhaps an address
		case c == '-', c == '.', c == '~', c == '_':
			// a number may be written with signs in it
		default:
			return false
		}
		before = c
	}
	return true
}

// segments masks and encodes the segments of a path.
func segments(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		part = bare(part)
		if mask := personal(part); mask != "" {
			parts[i] = mask
			continue
		}
		parts[i] = encoded(part)
	}
	return strings.Join(parts, "/")
}

// bare cuts the parameters of a segment off: what stands behind a semicolon, and
// the rest of a query that lost its mark, from the first & whose word has a value.
func bare(part string) string {
	for i := 0; i < len(part); i++ {
		sign, length := encodedSign(part[i:])
		if sign == 0 {
			sign, length = part[i], 1
		}
		if sign == ';' || sign == '&' && valued(part[i+length:]) {
			return part[:i]
		}
	}
	return part
}

// valued reports a word with an equals sign behind it.
func valued(s string) bool {
	for i := 0; i < len(s); i++ {
		sign, _ := encodedSign(s[i:])
		if s[i] == '=' || sign == '=' {
			return true
		}
	}
	return false
}

// encoded leaves a segment as the browser wrote it, and encodes what a browser
// would not have left as it is.
func encoded(s string) string {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return url.PathEscape(lenient(s))
		}
	}
	if _, err := url.PathUnescape(s); err != nil {
		return url.PathEscape(s) // no browser encodes like that
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
