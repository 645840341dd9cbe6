package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Look is how the banner looks: its place on the page and its theme. It changes
// nothing that a person agrees to, so it stands outside the edition's hash; which
// look was shown is recorded with each decision. Accept and refuse are drawn with
// the same tokens: no key sets one of them apart.
type Look struct {
	Position string `yaml:"position"` // one of Positions; default bar
	Side     string `yaml:"side"`     // of a corner: left or right; default left
	Radius   int    `yaml:"radius"`   // of the corners of its card, in pixels; default 16
	Font     string `yaml:"font"`     // names of font families; the system's own follow
	Light    Theme  `yaml:"light"`
	Dark     Theme  `yaml:"dark"`
}

// Theme is the colours of the banner, each six hexadecimal digits. What a file
// leaves out is the default.
type Theme struct {
	Accent     string `yaml:"accent"`      // of both buttons, of switches and of the keyboard's outline
	AccentText string `yaml:"accent_text"` // words on the accent; default black or white, whatever is read better
	Background string `yaml:"background"`
	Text       string `yaml:"text"`
}

// Positions lists where the banner can stand: over the whole width, in the middle,
// in a corner; always at the lower edge, where it covers the least.
func Positions() []string { return []string{"bar", "box", "corner"} }

// DefaultRadius is the radius of the card, in pixels.
const DefaultRadius = 16

// DefaultThemes are the colours of a banner without any of its own; banner.css
// holds the same.
func DefaultThemes() (light, dark Theme) {
	return Theme{Accent: "0b6572", AccentText: "ffffff", Background: "ffffff", Text: "14212b"},
		Theme{Accent: "7ed6e2", AccentText: "06272d", Background: "17222b", Text: "eef3f5"}
}

// Themes are the colours as they are shown: what the file leaves out filled in.
func (l Look) Themes() (light, dark Theme) {
	light, dark = DefaultThemes()
	return l.Light.over(light), l.Dark.over(dark)
}

func (t Theme) over(def Theme) Theme {
	for _, c := range []struct{ own, to *string }{
		{&t.Background, &def.Background}, {&t.Text, &def.Text}, {&t.Accent, &def.Accent},
	} {
		if *c.own != "" {
			*c.to = digits(*c.own)
		}
	}
	switch {
	case t.AccentText != "":
		def.AccentText = digits(t.AccentText)
	case t.Accent != "":
		def.AccentText = "ffffff"
		if contrast("000000", def.Accent) > contrast("ffffff", def.Accent) {
			def.AccentText = "000000"
		}
	}
	return def
}

// digits are the six hexadecimal digits of a colour. YAML takes a bare # for a
// comment, so the digits alone are a colour as well.
func digits(colour string) string { return strings.ToLower(strings.TrimPrefix(colour, "#")) }

// patterns of the tokens of a look.
const (
	colourPattern = `^#?[0-9a-fA-F]{6}$`
	fontPattern   = `^[A-Za-z][A-Za-z0-9-]*( [A-Za-z][A-Za-z0-9-]*)*(, ?[A-Za-z][A-Za-z0-9-]*( [A-Za-z][A-Za-z0-9-]*)*)*$`
)

// look checks the banner's appearance.
func (c *checker) look() {
	l := c.p.Look
	if !slices.Contains(Positions(), l.Position) {
		c.add("banner.position", l.Position, "is one of "+strings.Join(Positions(), ", "))
	}
	switch {
	case l.Side != "left" && l.Side != "right":
		c.add("banner.side", l.Side, "is left or right")
	case c.has("banner.side") && l.Position != "corner":
		c.add("banner.side", l.Side, "only a corner has a side, and banner.position is "+l.Position)
	}
	if l.Radius < 0 || l.Radius > 32 {
		c.add("banner.radius", strconv.Itoa(l.Radius), "is between 0 and 32 pixels")
	}
	keywords := []string{"inherit", "initial", "unset", "revert", "default"}
	if l.Font != "" && (len(l.Font) > 120 || !matches(fontPattern, l.Font) || slices.Contains(keywords, strings.ToLower(l.Font))) {
		c.add("banner.font", l.Font, "is names of font families, as Open Sans, Noto Sans: Latin letters, digits, hyphens and spaces, without quotes")
	}
	light, dark := l.Themes()
	c.theme("banner.light", l.Light, light)
	c.theme("banner.dark", l.Dark, dark)
}

// theme checks that what is written in the colours can be read. shown are the
// colours with the defaults filled in.
func (c *checker) theme(at string, own, shown Theme) {
	readable := true
	for _, t := range []struct{ key, value string }{
		{"accent", own.Accent}, {"accent_text", own.AccentText}, {"background", own.Background}, {"text", own.Text},
	} {
		if c.has(at+"."+t.key) && !matches(colourPattern, t.value) {
			c.add(at+"."+t.key, t.value, `is a colour of six hexadecimal digits, as "#0b6572" (with the #, in quotes)`)
			readable = false
		}
	}
	if !readable {
		return
	}
	for _, pair := range []struct {
		key, over, a, b string
		least           float64
		what            string
	}{
		{"text", "background", shown.Text, shown.Background, 4.5, "text"},
		{"accent_text", "accent", shown.AccentText, shown.Accent, 4.5, "the words of both buttons"},
		{"accent", "background", shown.Accent, shown.Background, 3, "buttons, switches and the keyboard's outline"},
	} {
		got := contrast(pair.a, pair.b)
		if got >= pair.least {
			continue
		}
		key, value := pair.key, pair.a
		if !c.has(at+"."+key) && c.has(at+"."+pair.over) {
			key, value = pair.over, pair.b
		}
		c.add(at+"."+key, "#"+value, fmt.Sprintf("gives %s a contrast of %.2f:1 (#%s on #%s), and at least %g:1 can be read",
			pair.what, float64(int(got*100))/100, pair.a, pair.b, pair.least))
	}
}
