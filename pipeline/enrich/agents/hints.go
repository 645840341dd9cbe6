package agents

import (
	"strings"

	"kelisim/pipeline/enrich"
)

// hints is what the client hints say. Chromium alone sends them; a missing one
// says nothing, because older browsers and proxies leave them out.
type hints struct {
	brands   []brand
	mobile   string // "?1", "?0" or ""
	platform string // as "Windows" or ""
}

// brand is one entry of Sec-CH-UA.
type brand struct{ name, major string }

func readHints(h enrich.Headers) hints {
	return hints{brands: readBrands(h.Brands), mobile: strings.TrimSpace(h.Mobile), platform: unquoted(h.Platform)}
}

// maxBrands is how many brands are read: browsers send three.
const maxBrands = 8

// readBrands reads a list such as
//
//	"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"
//
// The brand that means nothing may hold any sign, also commas and semicolons.
func readBrands(s string) []brand {
	var all []brand
	for len(all) < maxBrands {
		name, rest, ok := quoted(s)
		if !ok {
			return all
		}
		rest, versioned := strings.CutPrefix(strings.TrimLeft(rest, " "), ";v=")
		var major string
		if versioned {
			if major, rest, ok = quoted(rest); !ok {
				return all
			}
		}
		all = append(all, brand{name, digits(major)})
		comma := strings.IndexByte(rest, ',')
		if comma < 0 {
			return all
		}
		s = rest[comma+1:]
	}
	return all
}

// quoted reads a string in quotes at the begin of a text; a backslash takes the
// next sign as it is.
func quoted(s string) (text, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], true
		}
	}
	return "", s, false
}

func unquoted(s string) string {
	text, _, _ := quoted(s)
	return text
}

// version is the major version of a brand, and whether the brand is there.
func (h hints) version(name string) (string, bool) {
	for _, b := range h.brands {
		if b.name == name {
			return b.major, true
		}
	}
	return "", false
}

// digits keeps a version only if it begins with a number of a sensible length.
func digits(s string) string {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n == 0 || n > 4 {
		return ""
	}
	return s[:n]
}
