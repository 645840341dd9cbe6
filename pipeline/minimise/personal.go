package minimise

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Masks that stand where something personal stood.
const (
	maskEmail = "{email}"
	maskPhone = "{phone}"
	maskIIN   = "{iin}"
	maskIP    = "{ip}"
)

// personal finds what must not be kept in a text: the mask to put in its place,
// or "". It rather masks a number too many than one too few.
func personal(s string) string {
	s = legible(s)
	switch {
	case email(s):
		return maskEmail
	case address(s):
		return maskIP
	}
	return number(s)
}

// legible writes a text as a person would read it: without percent-encoding,
// however often it was encoded and however badly, without signs that are not
// seen, and with the digits and letters of ASCII where there are others for them.
func legible(s string) string {
	for range maxDecodings {
		once := lenient(s)
		if once == s {
			break
		}
		s = once
	}
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	if ascii {
		return s
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c <= unicode.MaxASCII:
			return c
		case unicode.Is(unicode.Cf, c), unicode.Is(unicode.Mn, c):
			return -1
		case unicode.IsDigit(c):
			return asciiDigit(c)
		}
		return c
	}, norm.NFKC.String(strings.ToValidUTF8(s, "\uFFFD")))
}

const maxDecodings = 6

// lenient undoes one round of percent-encoding where it is one.
func lenient(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	if once, err := url.PathUnescape(s); err == nil {
		return once
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// asciiDigit is the digit of ASCII for one of another script. The digits of every
// script stand in a row.
func asciiDigit(c rune) rune {
	zero := c
	for unicode.IsDigit(zero-1) && c-zero < 9 {
		zero--
	}
	return '0' + (c - zero)
}

// email reports an address: something, an at sign, and a name with a dot and
// letters behind it.
func email(s string) bool {
	for at := strings.IndexByte(s, '@'); at >= 0; {
		rest := s[at+1:]
		if at > 0 && strings.IndexByte(" \t/@:;,<>()[]", s[at-1]) < 0 && domain(rest) {
			return true
		}
		next := strings.IndexByte(rest, '@')
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// domain reports whether a text begins as a host name: labels, a dot, and a label
// that begins with two letters.
func domain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c == '.' && i > 0 && i+2 < len(s) && letter(s[i+1]) && letter(s[i+2]) {
			return true
		}
		if !digit(c) && !letter(c) && c != '.' && c != '-' {
			return false
		}
	}
	return false
}

// address reports an IP address that stands alone between other signs.
func address(s string) bool {
	for i := 0; i < len(s); {
		end := i
		dots, colons := 0, 0
		for end < len(s) && (digit(s[end]) || hexLetter(s[end]) || s[end] == '.' || s[end] == ':') {
			switch s[end] {
			case '.':
				dots++
			case ':':
				colons++
			}
			end++
		}
		if dots >= 3 || colons >= 2 {
			if _, err := netip.ParseAddr(strings.TrimRight(s[i:end], ".")); err == nil {
				return true
			}
			if _, err := netip.ParseAddrPort(s[i:end]); err == nil {
				return true
			}
		}
		i = max(end, i+1)
	}
	return false
}

func hexLetter(c byte) bool { return c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// Lengths of numbers. A phone number has up to fifteen digits (ITU-T E.164); one
// of Kazakhstan has eleven, of which the first is often left out. An individual
// or business identification number has twelve.
const (
	minDigits  = 10
	maxDigits  = 15
	iinDigits  = 12
	minPlus    = 8 // digits behind a plus sign
	homeDigits = 11
	maxGroups  = 24 // of one number
	maxGap     = 3  // signs between two groups of it
)

// group is a run of digits.
type group struct {
	at, end int
	plus    bool // a plus sign stands before it
}

func (g group) len() int { return g.end - g.at }

// number looks at every run of digits by itself, and at runs that stand together
// with nothing but signs between them, as a number is written in groups.
func number(s string) string {
	var chain []group
	gap, plus := 0, false
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case digit(c):
			g := group{at: i, plus: plus}
			for i < len(s) && digit(s[i]) {
				i++
			}
			g.end = i
			if mask := alone(s, g); mask != "" {
				return mask
			}
			if gap > maxGap || len(chain) == maxGroups {
				chain = chain[:0]
			}
			chain = append(chain, g)
			if mask := together(s, chain); mask != "" {
				return mask
			}
			gap, plus = 0, false
			continue
		case letter(c) && (c < 0x80 || letters(s[i:])):
			chain, gap, plus = chain[:0], 0, false
		default:
			gap++
			plus = c == '+' || plus && c == '('
		}
		i++
		for i < len(s) && s[i]&0xC0 == 0x80 {
			i++ // the rest of one sign
		}
	}
	return ""
}

// letters reports whether a text begins with a letter of any alphabet.
func letters(s string) bool {
	for _, c := range s {
		return unicode.IsLetter(c)
	}
	return false
}

// alone is the mask for one run of digits.
func alone(s string, g group) string {
	n, first := g.len(), s[g.at]
	switch {
	case n == iinDigits:
		return maskIIN
	case n == homeDigits && (first == '7' || first == '8'),
		n == minDigits && (first == '7' || first == '9'),
		n > minDigits && n <= maxDigits && strings.HasPrefix(s[g.at:], "00"),
		g.plus && n >= minPlus && n <= maxDigits:
		return maskPhone
	}
	return ""
}

// together is the mask for the runs that end with the last of a chain.
func together(s string, chain []group) string {
	last := len(chain) - 1
	total := chain[last].len()
	for i := last - 1; i >= 0; i-- {
		g := chain[i]
		total += g.len()
		if total > maxDigits {
			return ""
		}
		first := s[g.at]
		switch {
		case total == iinDigits && i == last-1 && g.len() == iinDigits/2:
			return maskIIN
		case total == homeDigits && (first == '7' || first == '8') && (g.len() == 1 || g.len() == 4),
			total == minDigits && (first == '7' || first == '9') && g.len() == 3,
			total >= minPlus && g.plus,
			total >= minDigits && i == 0 && last >= 2 && !date(s, chain):
			return maskPhone
		}
	}
	return ""
}

// date reports a chain that begins as a day is written, 2026-11-23: articles and
// archives have such paths, with a number behind it.
func date(s string, chain []group) bool {
	year := s[chain[0].at:chain[0].end]
	return len(year) == 4 && (year[:2] == "19" || year[:2] == "20") && chain[1].len() <= 2 && chain[2].len() <= 2
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// letter reports a letter, or a byte of one of another alphabet.
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 }
