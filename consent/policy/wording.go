package policy

import (
	"fmt"
	"unicode/utf8"
)

// Wording is the sentences of the banner that a site may put into its own words.
// They are part of what a person is shown, so they are in the edition's hash. The
// buttons' words are not among them: they mean the same on every site, and neither
// answer can be made to sound worse.
type Wording struct {
	Title          Text `yaml:"title" json:"title,omitzero"`
	WhyTitle       Text `yaml:"why_title" json:"why_title,omitzero"`
	TermsTitle     Text `yaml:"terms_title" json:"terms_title,omitzero"`
	NecessaryTitle Text `yaml:"necessary_title" json:"necessary_title,omitzero"`
	NecessaryText  Text `yaml:"necessary_text" json:"necessary_text,omitzero"`
}

// Words is a sentence of the banner in the site's own words.
type Words struct {
	Key  string // as in the file and in the banner's own texts
	Text Text
	most int // characters
}

// Own lists the sentences that the site has put into its own words.
func (w Wording) Own() []Words {
	var out []Words
	for _, one := range []Words{
		{"title", w.Title, maxTitle}, {"why_title", w.WhyTitle, maxTitle}, {"terms_title", w.TermsTitle, maxTitle},
		{"necessary_title", w.NecessaryTitle, maxTitle}, {"necessary_text", w.NecessaryText, maxText},
	} {
		if !one.Text.isZero() {
			out = append(out, one)
		}
	}
	return out
}

// maxTitle is the longest title, in characters: the answers stay in sight under it
// on a small screen.
const maxTitle = 60

// wording checks that titles leave room for the answers.
func (c *checker) wording() {
	for _, w := range c.p.Wording.Own() {
		for lang, text := range map[string]string{"kk": w.Text.KK, "ru": w.Text.RU, "en": w.Text.EN} {
			if n := utf8.RuneCountInString(text); w.most == maxTitle && n > maxTitle {
				c.add("texts."+w.Key+"."+lang, text, fmt.Sprintf("has %d characters, and a title at most %d", n, maxTitle))
			}
		}
	}
}
