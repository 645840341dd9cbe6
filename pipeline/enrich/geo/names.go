package geo

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// country lets nothing but two capital letters through.
func country(s string) string {
	if len(s) != 2 || !capitals(s) {
		return ""
	}
	return s
}

func capitals(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

// region joins a country and the code of its part as ISO 3166-2 does: KZ-ALA.
func region(country, part string) string {
	if country == "" || len(part) < 1 || len(part) > 3 {
		return ""
	}
	for i := range len(part) {
		if c := part[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return ""
		}
	}
	return country + "-" + part
}

// maxCity is the longest name of a city, in bytes.
const maxCity = 64

// city lets a name of letters, spaces, dots, apostrophes and hyphens through.
func city(s string) string {
	if len(s) > maxCity || !utf8.ValidString(s) {
		return ""
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !strings.ContainsRune(" .'-", r) {
			return ""
		}
	}
	return strings.Clone(s) // it may be a piece of a larger text
}

// printable cuts what a file calls itself to a length for a log.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 64)]
}
