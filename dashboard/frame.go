package dashboard

import (
	"bytes"
	"fmt"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/banner/locale"
)

// langLife is how long the choice of a language is remembered.
const langLife = 365 * 24 * time.Hour

// frame is what every page has around its content.
type frame struct {
	Lang   string
	Langs  []link
	T      texts
	Style  string // address of the style sheet
	Icon   string
	Person string // who is signed in; empty on the login page
	CSRF   string
}

// link is an address with a name; Current marks where one is.
type link struct {
	Label, URL, Lang string
	Current          bool
}

// frame prepares the surroundings of a page at path with query v, and remembers
// the language when the address names one.
func (d *Dashboard) frame(c *fiber.Ctx, path string, v url.Values) frame {
	lang := d.lang(c)
	if c.Query("lang") == lang {
		d.setCookie(c, langCookie, lang, langLife)
	}
	f := frame{
		Lang: lang, T: d.texts[lang],
		Style: d.assets.byName["dashboard.css"], Icon: d.assets.byName["icon.svg"],
	}
	one := current(c)
	f.Person, f.CSRF = one.account.Name, one.csrf
	for _, l := range locale.Languages() {
		f.Langs = append(f.Langs, link{
			Label: languageName(l), Lang: l, URL: address(path, v, "lang", l), Current: l == lang,
		})
	}
	return f
}

// address is a path with a query in which one value is replaced.
func address(path string, v url.Values, key, value string) string {
	changed := url.Values{}
	for k, all := range v {
		changed[k] = all
	}
	changed.Set(key, value)
	return path + "?" + changed.Encode()
}

// render answers with a page. It is rendered whole before anything is sent, so
// that a fault in a template never shows half a page.
func (d *Dashboard) render(c *fiber.Ctx, status int, name string, view any) error {
	var b bytes.Buffer
	if err := d.pages.ExecuteTemplate(&b, name, view); err != nil {
		return fmt.Errorf("dashboard: render %s: %w", name, err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Status(status).Send(b.Bytes())
}

// labelled is a view together with the texts, for templates inside a page.
type labelled struct {
	T texts
	V any
}

func pair(t texts, v any) labelled { return labelled{T: t, V: v} }
