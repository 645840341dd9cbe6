package locale

import (
	_ "embed"
	"sort"
	"strings"
	"sync"
)

// countries holds one country a line: ISO 3166-1 code, Kazakh, Russian and
// English name, with tabs between. The names come from the Unicode CLDR 48 and
// are adjusted to the usage of the Republic of Kazakhstan.
//
//go:embed countries.tsv
var countries string

type names struct{ kk, ru, en string }

var table = sync.OnceValue(func() map[string]names {
	all := map[string]names{}
	for line := range strings.Lines(countries) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 4 {
			all[f[0]] = names{f[1], f[2], f[3]}
		}
	}
	return all
})

// Country is the name of a country by its ISO 3166-1 alpha-2 code in capitals.
// What is not such a code is returned as it is.
func Country(lang, code string) string {
	n, known := table()[code]
	switch {
	case !known:
		return code
	case lang == RU:
		return n.ru
	case lang == EN:
		return n.en
	}
	return n.kk
}

// KnownCountry reports whether code is an ISO 3166-1 alpha-2 code in capitals.
func KnownCountry(code string) bool {
	_, known := table()[code]
	return known
}

// Countries lists every code in the order of the alphabet.
func Countries() []string {
	codes := make([]string, 0, len(table()))
	for code := range table() {
		codes = append(codes, code)
	}
	sort.Strings(codes)
	return codes
}
