package source

import "bytes"

// maxHost is the longest host name in the DNS, in bytes.
const maxHost = 253

type kind uint8

// What a referrer can be.
const (
	absent     kind = iota
	unreadable      // something, but no address that a browser sends
	own             // a page of the site itself
	web             // a host
	app             // an Android app, known by its package name
)

// origin is who sent the visitor. Its host is in lower case, without port and
// trailing dot, and lives in the caller's memory.
type origin struct {
	kind kind
	host []byte
}

// cut reads the host of an address and nothing behind it. What no browser puts
// into a referrer makes it unreadable: user information, a backslash, an escape,
// a control or a letter beyond ASCII in the host, a port that is no number.
func cut(address string, space *[maxHost]byte) origin {
	if address == "" {
		return origin{}
	}
	k, start := scheme(address)
	if k == unreadable {
		return origin{kind: unreadable}
	}
	n := 0
	for i := start; i < len(address); i++ {
		c := address[i]
		switch {
		case c == '/' || c == '?' || c == '#':
			return finish(k, space[:n])
		case c <= ' ' || c >= 0x7f || c == '@' || c == '\\' || c == '%' || n == maxHost:
			return origin{kind: unreadable}
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		space[n] = c
		n++
	}
	return finish(k, space[:n])
}

// scheme reports the kind of an address and where its host begins.
func scheme(address string) (kind, int) {
	for _, s := range [...]struct {
		prefix string
		kind   kind
	}{{"https://", web}, {"http://", web}, {"android-app://", app}} {
		if len(address) > len(s.prefix) && equalFold(address[:len(s.prefix)], s.prefix) {
			return s.kind, len(s.prefix)
		}
	}
	return unreadable, 0
}

func equalFold(s, lower string) bool {
	for i := range len(lower) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// finish takes the port and one trailing dot away.
func finish(k kind, host []byte) origin {
	colon := bytes.LastIndexByte(host, ':')
	if colon >= 0 && bytes.LastIndexByte(host, ']') < colon {
		port := host[colon+1:]
		if len(port) > 5 || len(bytes.Trim(port, "0123456789")) > 0 {
			return origin{kind: unreadable}
		}
		host = host[:colon]
	}
	host = bytes.TrimSuffix(host, []byte("."))
	if len(host) == 0 {
		return origin{kind: unreadable}
	}
	return origin{kind: k, host: host}
}

// bare is the host without www.
func (o origin) bare() []byte {
	if o.kind == app {
		return o.host
	}
	return bytes.TrimPrefix(o.host, []byte("www."))
}

// same reports whether both are one host; www. makes no difference.
func (o origin) same(other origin) bool {
	return other.kind == web && bytes.Equal(o.bare(), other.bare())
}

// Public reports whether a host, in lower case, may stand in a table.
func Public(host string) bool { return named([]byte(host)) }

// named reports whether a host may stand in a table: a name of the public DNS in
// ASCII, two labels or more. What could be an address, or a person's number, or a
// machine in somebody's own network, may not.
func named(host []byte) bool {
	labels, start, tail := 0, 0, []byte(nil)
	for i := 0; i <= len(host); i++ {
		if i < len(host) && host[i] != '.' {
			continue
		}
		tail = host[start:i]
		if !label(tail) || coded(tail) {
			return false
		}
		labels, start = labels+1, i+1
	}
	return labels >= 2 && public(tail) && !holdsNumber(host)
}

// label reports whether these are letters, digits and inner hyphens.
func label(l []byte) bool {
	if len(l) == 0 || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for _, c := range l {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// public reports whether this last label can stand in the public DNS. arpa is
// refused because names below it are addresses.
func public(tail []byte) bool {
	switch string(tail) {
	case "localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "arpa":
		return false
	}
	if bytes.HasPrefix(tail, []byte("xn--")) {
		return true
	}
	for _, c := range tail {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return len(tail) >= 2
}

// maxDigits is how many digits a host may hold in one run. Longer runs are phone
// numbers, identity numbers or addresses written as one number.
const maxDigits = 6

// holdsNumber reports whether a host holds a long number, or four groups of digits
// between dots or hyphens, as in 203-0-113-7.example.com.
func holdsNumber(host []byte) bool {
	run, groups := 0, 0
	for i := 0; i <= len(host); i++ {
		var c byte
		if i < len(host) {
			c = host[i]
		}
		if '0' <= c && c <= '9' {
			if run++; run > maxDigits {
				return true
			}
			continue
		}
		if run > 0 && run <= 3 {
			if groups++; groups == 4 {
				return true
			}
		} else {
			groups = 0
		}
		if c != '.' && c != '-' {
			groups = 0
		}
		run = 0
	}
	return false
}

// coded reports whether a label is hexadecimal: an IPv6 address between hyphens, a
// UUID, a key.
func coded(l []byte) bool {
	digits, letters := 0, 0
	for _, c := range l {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'f':
			letters++
		case c != '-':
			return false
		}
	}
	return digits > 0 && (digits+letters >= 8 || bytes.Contains(l, []byte("--")) || bytes.Count(l, []byte("-")) >= 3)
}
