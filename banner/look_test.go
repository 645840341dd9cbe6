package banner

import (
	"strings"
	"testing"

	"kelisim/consent/policy"
)

// The name of a look tells places and colours apart and stays the same where
// nothing changes; it fits into what a decision may say.
func TestVariants(t *testing.T) {
	with := func(section string) *policy.Policy {
		return shipped(t, "demo.yaml", "languages: [", section+"\nlanguages: [")
	}
	f := func(want string, p *policy.Policy) {
		t.Helper()
		if got := Variant(p); got != want || len(got) > 32 {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f("bar-1", with(""))
	f("box-1", with("banner: {position: box}"))
	f("corner-1", with("banner: {position: corner, side: left}"))
	f("corner-right-1", with("banner: {position: corner, side: right}"))
	f("bar-1", with(`banner: {light: {accent: "#0B6572"}}`)) // the default colour
	one, two := Variant(with(`banner: {light: {accent: "#004488"}}`)), Variant(with(`banner: {dark: {accent: "#88ccff"}}`))
	if one == two || !strings.HasPrefix(one, "bar-1-") || len(one) != len("bar-1-")+8 {
		t.Errorf("colours are called %s and %s", one, two)
	}
	archived, err := policy.ReadDocument(with("banner: {position: box}").Document())
	if err != nil {
		t.Fatal(err)
	}
	f("bar-1", archived)
}

// Only what differs from the default travels, and nothing but checked values.
func TestStyle(t *testing.T) {
	f := func(want, section string) {
		t.Helper()
		d := document(t, shipped(t, "demo.yaml", "languages: [", section+"\nlanguages: ["), "kk", First)
		if d.Style != want || d.FirstLayer().Style != want || d.FirstLayer().Place != d.Place {
			t.Errorf("%s: %s", section, d.Style)
		}
	}
	f("", "")
	f("", "banner: {position: corner}")
	f("@layer kelisim{#kelisim{--k-radius:0px!important;--k-font:Open Sans,system-ui,sans-serif!important}}", "banner: {radius: 0, font: Open Sans}")
	f("@layer kelisim{@media(prefers-color-scheme:light){#kelisim{--k-back:#222222!important;--k-text:#eeeeee!important;--k-accent:#ffd600!important;--k-on:#000000!important}}}",
		`banner: {light: {accent: "#FFD600", background: "#222222", text: "#eeeeee"}}`)
	f("@layer kelisim{@media(prefers-color-scheme:dark){#kelisim{--k-accent:#88ccff!important;--k-on:#000000!important}}}", `banner: {dark: {accent: "#88ccff"}}`)
}
