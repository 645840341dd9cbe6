package banner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"kelisim/consent/policy"
)

// layout numbers the banner's own design: what js/banner makes of a look.
const layout = "1"

// Variant names the look of a site's banner: its place, the number of the design,
// and a hash of colours of its own. It is recorded with each decision.
func Variant(p *policy.Policy) string {
	name := policy.Positions()[0] // also of the archive, which does not know how an edition looked
	if at := place(p.Look); at != "" {
		name = strings.NewReplacer("k-", "", " ", "-").Replace(at)
	}
	name += "-" + layout
	if css := style(p.Look); css != "" {
		sum := sha256.Sum256([]byte(css))
		name += "-" + hex.EncodeToString(sum[:4])
	}
	return name
}

// place is where the banner stands, as class names of banner.css; "" for where it
// stands by default.
func place(l policy.Look) string {
	switch {
	case l.Position == "" || l.Position == policy.Positions()[0]:
		return ""
	case l.Position == "corner" && l.Side == "right":
		return "k-corner k-right"
	}
	return "k-" + l.Position
}

// style is a style sheet with the tokens that differ from the default ones, or "".
// It holds nothing but checked colours, numbers and names. It stands in the layer
// of banner.css, after it.
func style(l policy.Look) string {
	if l.Position == "" {
		return ""
	}
	var all []string
	if l.Radius != policy.DefaultRadius {
		all = append(all, fmt.Sprintf("--k-radius:%dpx!important", l.Radius))
	}
	if l.Font != "" {
		all = append(all, "--k-font:"+l.Font+",system-ui,sans-serif!important")
	}
	css := rule("", all)
	light, dark := l.Themes()
	defaultLight, defaultDark := policy.DefaultThemes()
	css += rule("light", colours(light, defaultLight)) + rule("dark", colours(dark, defaultDark))
	if css == "" {
		return ""
	}
	return "@layer kelisim{" + css + "}"
}

func rule(scheme string, declarations []string) string {
	if len(declarations) == 0 {
		return ""
	}
	css := "#kelisim{" + strings.Join(declarations, ";") + "}"
	if scheme != "" {
		css = "@media(prefers-color-scheme:" + scheme + "){" + css + "}"
	}
	return css
}

func colours(t, def policy.Theme) []string {
	var out []string
	for _, c := range []struct{ name, own, def string }{
		{"back", t.Background, def.Background}, {"text", t.Text, def.Text}, {"accent", t.Accent, def.Accent}, {"on", t.AccentText, def.AccentText},
	} {
		if c.own != c.def {
			out = append(out, "--k-"+c.name+":#"+c.own+"!important")
		}
	}
	return out
}
