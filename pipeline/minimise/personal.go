package minimise

import (
	"strings"
	"unicode"
)

// Masks that stand where something personal stood.
const (
	maskEmail = "{email}"
	maskPhone = "{phone}"
	maskIIN   = "{iin}"
)

// Lengths of numbers. A phone number has up to fifteen digits (ITU-T E.164); one
// of Kazakhstan has eleven, of which the first is often left out. An individual
// or business identification number has twelve.
const (
	minDigits  = 10
	maxDigits  = 15
	iinDigits  = 12
	minPlus    = 8 // digits behind a plus sign
	homeDigits = 11
)

// personal finds what must not be kept in a text: the mask to put in its place,
// or "". It rather masks a number too many than one too few.
func personal(s string) string {
	if email(s) {
		return maskEmail
	}
	for i := 0; i < len(s); {
		if digit(s[i]) {
			n, signs, end := number(s, i)
			if mask := numberMask(s, i, n, signs); mask != "" {
				return mask
			}
			i = end
			continue
		}
		i++
	}
	for _, c := range s {
		if c > unicode.MaxASCII && unicode.IsDigit(c) {
			return personal(asciiDigits(s)) // digits of another script
		}
	}
	return ""
}

// number reads a number that may be written in groups: how many digits it has,
// whether there are signs between them, and where it ends.
func number(s string, at int) (digits int, signs bool, end int) {
	gap := 0
	end = at
	for i := at; i < len(s); i++ {
		switch c := s[i]; {
		case digit(c):
			if gap > 0 {
				signs = true
			}
			digits++
			gap, end = 0, i+1
		case strings.IndexByte(" -.()_+", c) >= 0 && gap < 2:
			gap++
		default:
			return digits, signs, end
		}
	}
	return digits, signs, end
}

func numberMask(s string, at, digits int, signs bool) string {
	plus := at > 0 && (s[at-1] == '+' || s[at-1] == '(' && at > 1 && s[at-2] == '+')
	switch {
	case plus && digits >= minPlus && digits <= maxDigits:
		return maskPhone
	case digits == iinDigits:
		return maskIIN
	case digits == homeDigits && (s[at] == '7' || s[at] == '8'):
		return maskPhone
	case digits == minDigits && s[at] == '7':
		return maskPhone
	case signs && digits >= minDigits && digits <= maxDigits && !date(s[at:]):
		return maskPhone
	}
	return ""
}

// date reports a number that begins as a day is written, 2026-11-23: articles
// and archives have such paths, with a number behind it.
func date(s string) bool {
	return len(s) >= 10 && (s[:2] == "19" || s[:2] == "20") && digit(s[2]) && digit(s[3]) && s[4] == s[7] && !digit(s[4]) &&
		digit(s[5]) && digit(s[6]) && digit(s[8]) && digit(s[9])
}

// email reports an address: something, an at sign, and a name with a dot and
// letters behind it.
func email(s string) bool {
	for at := strings.IndexByte(s, '@'); at >= 0; {
		rest := s[at+1:]
		if at > 0 && address(s[:at]) && domain(rest) {
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

// address reports whether a text can end as the local part of an address.
func address(s string) bool {
	c := s[len(s)-1]
	return digit(c) || letter(c) || strings.IndexByte("._%+-'\"", c) >= 0
}

// domain reports whether a text begins as a host name: labels, a dot, and a last
// label that begins with two letters.
func domain(s string) bool {
	dot := -1
	for i := range len(s) {
		c := s[i]
		if c == '.' && i > 0 && i+2 < len(s) && letter(s[i+1]) && letter(s[i+2]) {
			dot = i
		}
		if !digit(c) && !letter(c) && c != '.' && c != '-' {
			break
		}
	}
	return dot > 0
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// letter reports a letter, also one of another alphabet.
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 }

// asciiDigits writes digits of every script as ASCII.
func asciiDigits(s string) string {
	return strings.Map(func(c rune) rune {
		if c <= unicode.MaxASCII || !unicode.IsDigit(c) {
			return c
		}
		zero := c
		for unicode.IsDigit(zero-1) && c-zero < 9 {
			zero--
		}
		return '0' + (c - zero)
	}, s)
}
