package banner

import (
	"bufio"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"kelisim/banner/locale"
)

// words lists the words of a text, in small letters, without placeholders.
func words(text string) []string {
	text = regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(text, " ")
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) })
}

// list reads a file of words, one a line; # begins a comment.
func list(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if word, _, _ := strings.Cut(lines.Text(), "#"); strings.TrimSpace(word) != "" {
			out = append(out, strings.TrimSpace(word))
		}
	}
	return out
}

// russianFor is what a Kazakh letter turns into when it is typed on a Russian
// keyboard, or read by software that does not know it.
var russianFor = strings.NewReplacer("ә", "а", "ғ", "г", "қ", "к", "ң", "н", "ө", "о", "ұ", "у", "ү", "у", "һ", "х", "і", "и")

// stripped finds a word that is a Kazakh one with Russian letters in the place of
// its own, as «кабылдау» for «қабылдау».
func stripped(word string, kazakh []string) string {
	for _, right := range kazakh {
		if wrong := russianFor.Replace(right); wrong != right && strings.HasPrefix(word, wrong) {
			return right
		}
	}
	return ""
}

// leftover finds a word of another language in a text of a language.
func leftover(lang, text string, russian []string) string {
	names := []string{"cookie", "global", "privacy", "control", "gpc", "ip", "ussd", "dstk", "push", "sms", "sha", "example"}
	for _, w := range words(text) {
		latin := strings.IndexFunc(w, func(r rune) bool { return unicode.Is(unicode.Latin, r) }) >= 0
		switch {
		case lang != locale.EN && latin && !slices.Contains(names, w):
			return w
		case lang == locale.KK && slices.ContainsFunc(russian, func(stem string) bool { return strings.HasPrefix(w, stem) }):
			return w
		}
	}
	return ""
}

// The checks below see what they are for.
func TestChecksOfTexts(t *testing.T) {
	kazakh, russian := list(t, "kazakh.txt"), list(t, "russian.txt")
	for wrong, right := range map[string]string{"барлыгын": "барлығын", "кабылдау": "қабылдау", "озгертуге": "өзгерт", "тұлгалар": "тұлға"} {
		if stripped(wrong, kazakh) == "" && !slices.Contains(kazakh, right) {
			t.Errorf("%q passes for %q", wrong, right)
		}
	}
	for _, word := range []string{"қабылдау", "барлығынан", "сайт", "оператор", "баптау", "келісім"} {
		if right := stripped(word, kazakh); right != "" {
			t.Errorf("%q is taken for a broken %q", word, right)
		}
	}
	for text, lang := range map[string]string{"Таңдауыңыз сохранён": "kk", "Баптау cookies settings": "kk", "Сохранить choice": "ru", "Вы отозвали согласие": "kk"} {
		if leftover(lang, text, russian) == "" {
			t.Errorf("%q passes as %s", text, lang)
		}
	}
}

// No Kazakh text has a Russian letter in the place of a Kazakh one, and no text has
// words of another language but for names.
func TestTextsAreInTheirLanguage(t *testing.T) {
	b := newBanner(t)
	kazakh, russian := list(t, "kazakh.txt"), list(t, "russian.txt")
	for _, lang := range locale.Languages() {
		for key, text := range b.texts[lang] {
			if w := leftover(lang, text, russian); w != "" {
				t.Errorf("%s: %s holds %q of another language", lang, key, w)
			}
			if lang != locale.KK {
				continue
			}
			for _, w := range words(text) {
				if right := stripped(w, kazakh); right != "" {
					t.Errorf("kk: %s holds %q: is it «%s»?", key, w, right)
				}
			}
		}
	}
}

// Every letter that Kazakh has and Russian has not stands in the Kazakh texts: a
// font, an encoding or a tool that loses one of them is seen.
func TestEveryKazakhLetterIsThere(t *testing.T) {
	b := newBanner(t)
	var all strings.Builder
	for _, text := range b.texts[locale.KK] {
		all.WriteString(strings.ToLower(text))
	}
	for _, r := range "әғқңөұүі" {
		if !strings.ContainsRune(all.String(), r) {
			t.Errorf("no text holds %q", r)
		}
	}
	// «һ» stands in words such as «жауһар» alone; no text needs one.
	for _, r := range all.String() {
		if unicode.Is(unicode.Cyrillic, r) && !strings.ContainsRune("абвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюяә", r) {
			t.Errorf("%q U+%04X is no letter of Kazakh", r, r)
		}
	}
}

func TestDateEndsItsSentenceOnce(t *testing.T) {
	b := newBanner(t)
	got := b.Text("ru", TextValidUntil, "date", "1 мая 2027 г.")
	if want := "Ваше согласие действует до 1 мая 2027 г."; got != want {
		t.Errorf("Russian: %q, want %q", got, want)
	}
	got = b.Text("en", TextValidUntil, "date", "1 May 2027")
	if want := "Your consent is valid until 1 May 2027."; got != want {
		t.Errorf("English: %q, want %q", got, want)
	}
}
