package policy

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestContrast(t *testing.T) {
	f := func(a, b string, want float64) {
		t.Helper()
		if got := contrast(a, b); math.Abs(got-want) > 0.01 || got != contrast(b, a) {
			t.Errorf("%s on %s: %.3f, want %.2f", a, b, got, want)
		}
	}
	f("000000", "ffffff", 21)
	f("777777", "ffffff", 4.48)
	f("767676", "ffffff", 4.54)
	f("0b6572", "ffffff", 6.73)
	f("123456", "123456", 1)
}

// The default colours pass the checks that a site's own have to pass, and are those
// of the style sheet.
func TestDefaultThemes(t *testing.T) {
	light, dark := DefaultThemes()
	css, err := os.ReadFile("../../banner/assets/banner.css")
	if err != nil {
		t.Fatal(err)
	}
	for name, theme := range map[string]Theme{"light": light, "dark": dark} {
		for _, c := range []string{theme.Accent, theme.AccentText, theme.Background, theme.Text} {
			if short := strings.ReplaceAll(c, "ffffff", "fff"); !strings.Contains(string(css), "#"+short) {
				t.Errorf("%s: banner.css holds no #%s", name, c)
			}
		}
		if contrast(theme.Text, theme.Background) < 7 || contrast(theme.AccentText, theme.Accent) < 4.5 || contrast(theme.Accent, theme.Background) < 4.5 {
			t.Errorf("%s: %+v cannot be read well", name, theme)
		}
	}
}

// Black or white can be read on any accent, so a site that sets no more than its own
// colour has buttons that can be read.
func TestWordsOnAnyAccentCanBeRead(t *testing.T) {
	for n := 0; n < 1<<24; n += 7919 {
		accent := strings.ToLower(string([]byte{digit(n >> 20), digit(n >> 16), digit(n >> 12), digit(n >> 8), digit(n >> 4), digit(n)}))
		light, _ := Look{Light: Theme{Accent: "#" + accent}}.Themes()
		if got := contrast(light.AccentText, accent); got < 4.5 {
			t.Fatalf("#%s on #%s: %.2f", light.AccentText, accent, got)
		}
	}
}

func digit(n int) byte { return "0123456789abcdef"[n&15] }

func TestLook(t *testing.T) {
	with := func(section string) *Policy {
		t.Helper()
		return edit(t, "demo.yaml", "languages: [", section+"\nlanguages: [")
	}
	plain := with("")
	if plain.Look != (Look{Position: "bar", Side: "left", Radius: DefaultRadius}) {
		t.Errorf("a banner without a look of its own has %+v", plain.Look)
	}
	own := with(`banner: {position: corner, side: right, radius: 0, font: "Open Sans, Noto Sans", light: {accent: "#FFD600", background: "#222222", text: eeeeee}, dark: {accent_text: "#000000"}}`)
	light, dark := own.Look.Themes()
	if d := cmp.Diff([]Theme{{"ffd600", "000000", "222222", "eeeeee"}, {"7ed6e2", "000000", "17222b", "eef3f5"}}, []Theme{light, dark}); d != "" {
		t.Error(d)
	}
	if own.Hash() != plain.Hash() || own.Look.Radius != 0 {
		t.Error("the look is in the edition's hash, or a radius of 0 is none")
	}
	worded := with("texts: {title: {kk: Сұрағымыз бар, ru: У нас вопрос, en: A question}}")
	if worded.Hash() == plain.Hash() {
		t.Error("other words, and the same hash")
	}
	again, err := ReadDocument(worded.Document())
	if err != nil || again.Wording != worded.Wording {
		t.Errorf("the archive lost the words (%v)", err)
	}
	if strings.Contains(string(plain.Document()), `"texts"`) {
		t.Error("a policy without words of its own has another document than before")
	}
}
