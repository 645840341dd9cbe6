package locale

import (
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestDates(t *testing.T) {
	at := time.Date(2027, 5, 22, 14, 5, 0, 0, time.UTC)
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(Date(KK, at), "2027 ж. 22 мамыр")
	f(Date(RU, at), "22 мая 2027 г.")
	f(Date(EN, at), "22 May 2027")
	f(DateTime(KK, at), "2027 ж. 22 мамыр, 14:05")
	f(ShortDate(KK, at), "22.05.2027")
	f(ShortDate(RU, at), "22.05.2027")
	f(ShortDate(EN, at), "22/05/2027")
	f(Date("fr", at), "2027 ж. 22 мамыр")
}

func TestNumbers(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(Number(KK, 1234567.8, 1), "1\u00a0234\u00a0567,8")
	f(Number(RU, 1234567.8, 1), "1\u00a0234\u00a0567,8")
	f(Number(EN, 1234567.8, 1), "1,234,567.8")
	f(Number(EN, -0.04, 1), "0.0")
	f(Integer(KK, -1234), "-1\u00a0234")
	f(Integer(EN, 999), "999")
	f(Integer(EN, -9223372036854775808), "-9,223,372,036,854,775,808")
	f(Percent(KK, 0.427, 1), "42,7%")
	f(Percent(EN, 0.427, 1), "42.7%")
}

func TestPlural(t *testing.T) {
	got := map[string][]Form{}
	for _, lang := range Languages() {
		for _, n := range []int{0, 1, 2, 5, 11, 12, 21, 22, 25, 90, 101, 111} {
			got[lang] = append(got[lang], Plural(lang, n))
		}
	}
	want := map[string][]Form{
		KK: {One, One, One, One, One, One, One, One, One, One, One, One},
		RU: {Many, One, Few, Many, Many, Many, One, Few, Many, Many, One, Many},
		EN: {Many, One, Many, Many, Many, Many, Many, Many, Many, Many, Many, Many},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCountries(t *testing.T) {
	f := func(lang, code, want string) {
		t.Helper()
		if got := Country(lang, code); got != want {
			t.Errorf("Country(%s, %s) = %q, want %q", lang, code, got, want)
		}
	}
	f(KK, "KZ", "Қазақстан")
	f(RU, "KZ", "Казахстан")
	f(EN, "KZ", "Kazakhstan")
	f(KK, "US", "Америка Құрама Штаттары")
	f(KK, "DE", "Германия")
	f(RU, "TR", "Турция")
	f(EN, "XX", "XX")
	if n := len(Countries()); n != 249 {
		t.Errorf("%d countries, want the 249 of ISO 3166-1", n)
	}
	if KnownCountry("kz") || KnownCountry("") {
		t.Error("only codes in capitals are known")
	}
}

// Every name is written in one script: a Latin letter in a Kazakh word looks
// right and sorts, searches and renders wrong.
func TestCountryScripts(t *testing.T) {
	for _, code := range Countries() {
		for lang, script := range map[string]*unicode.RangeTable{KK: unicode.Cyrillic, RU: unicode.Cyrillic, EN: unicode.Latin} {
			name := Country(lang, code)
			if name == "" {
				t.Errorf("%s has no %s name", code, lang)
			}
			for _, r := range name {
				if unicode.IsLetter(r) && !unicode.Is(script, r) {
					t.Errorf("%s: %s name %q holds %q", code, lang, name, r)
				}
			}
		}
	}
}
