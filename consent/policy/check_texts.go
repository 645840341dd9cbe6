package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is the longest text, in characters.
const maxText = 2000

// located is a text and where it stands.
type located struct {
	Text
	path string
	why  string // the law's reason that it must stand
	name bool   // a name or an address, which may be the same in two languages
	asks bool   // a statement of consent to collection and processing
	may  string // the placeholder it may hold
}

// texts lists every text of the policy.
func (p *Policy) texts() []located {
	out := []located{
		{Text: p.Operator.Name, path: "operator.name", why: "a consent names the operator (art. 8(4)(1))", name: true},
		{Text: p.Operator.Address, path: "operator.address", why: "a consent names the operator's address", name: true},
		{Text: p.Intro, path: "intro", why: "the banner begins with who asks and what for", may: "{operator}"},
	}
	for i, q := range p.Purposes {
		at := index("purposes", i)
		out = append(out,
			located{Text: q.Title, path: at + ".title", why: "a purpose has a title"},
			located{Text: q.Text, path: at + ".text", why: "a purpose says what is done"},
			located{Text: q.Statement, path: at + ".statement", why: "a purpose words what a person consents to", asks: true},
		)
		for j, s := range q.Services {
			in := index(at+".services", j)
			out = append(out,
				located{Text: s.Name, path: in + ".name", why: "a service has a name", name: true},
				located{Text: s.Provider, path: in + ".provider", why: "a service says who runs it", name: true},
				located{Text: s.Retention, path: in + ".retention", why: "a service says how long it keeps data"},
			)
		}
	}
	for _, o := range p.others() {
		if !o.None() {
			out = append(out, located{Text: o.Statement, path: o.field + ".statement", why: "an item words what a person consents to"})
		}
	}
	for i, r := range p.Recipients {
		out = append(out, located{Text: r.Name, path: index("recipients", i) + ".name", why: "a consent names the recipients", name: true})
	}
	for _, w := range p.Wording.Own() {
		out = append(out, located{Text: w.Text, path: "texts." + w.Key})
	}
	for i, d := range p.Data {
		out = append(out, located{Text: d.Text, path: index("data", i) + ".text", why: "an entry of the list of data has its words (art. 8(4)(7))"})
	}
	return append(out,
		located{Text: p.Rights, path: "rights", why: "a consent names the rights"},
		located{Text: p.Withdraw, path: "withdraw", why: "a consent says how to withdraw it", may: "{email}"},
	)
}

// translations checks that every text stands in every offered language, and is
// in that language.
func (c *checker) translations() {
	english := slices.Contains(c.p.Langs, "en")
	for _, t := range c.p.texts() {
		if t.isZero() {
			c.add(t.path, "", "is missing: "+t.why)
			continue
		}
		for _, lang := range []string{"kk", "ru", "en"} {
			text := map[string]string{"kk": t.KK, "ru": t.RU, "en": t.EN}[lang]
			at := t.path + "." + lang
			switch {
			case strings.TrimSpace(text) != "":
				c.text(at, lang, text, t)
			case lang != "en":
				c.add(at, text, "is missing: kk and ru are mandatory")
			case english:
				c.add(at, text, "is missing: the policy offers English, so every text has it")
			}
		}
		if t.EN != "" && !english {
			c.add(t.path+".en", t.EN, "is not offered: put en into languages, or take it out")
		}
		if t.KK == t.RU && t.KK != "" && !t.name {
			c.add(t.path+".kk", t.KK, "the Kazakh text equals the Russian one")
		}
	}
}

func (c *checker) text(at, lang, text string, t located) {
	if n := utf8.RuneCountInString(text); n > maxText {
		c.add(at, strconv.Itoa(n), fmt.Sprintf("a text has at most %d characters", maxText))
	}
	if strings.IndexFunc(text, unicode.IsControl) >= 0 || strings.TrimSpace(text) != text {
		c.add(at, text, "a text is one paragraph without spaces around it")
	}
	for _, p := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(text, -1) {
		if p != t.may {
			c.add(at, p, "is no placeholder of this text")
		}
	}
	if t.path == "intro" && !strings.Contains(text, t.may) {
		c.add(at, text, "says who asks: {operator} stands for the name")
	}
	if word := mixedWord(lang, text); word != "" {
		c.add(at, word, "mixes letters of two alphabets that look alike: "+foreign(lang, word))
	}
	if lang == "kk" && !t.name {
		if s := longSentence(text, func(s string) bool { return !strings.ContainsAny(strings.ToLower(s), kazakhLetters) }); s != "" {
			c.add(at, s, "holds no Kazakh letter: is it left in another language?")
		}
	}
	if lang == "ru" && !t.name {
		if s := longSentence(text, func(s string) bool {
			return strings.ContainsAny(strings.ToLower(s), kazakhLetters) && !strings.ContainsAny(s, "«»")
		}); s != "" {
			c.add(at, s, "holds Kazakh letters: is it left in another language?")
		}
	}
	if lang == "en" && !t.name && strings.IndexFunc(text, cyrillic) >= 0 && !strings.ContainsAny(text, "“”«»\"") {
		c.add(at, text, "holds Cyrillic letters: is it left in another language?")
	}
	if t.asks && !names(lang, text) {
		c.add(at, text, "names collection and processing both: the law tells them apart")
	}
}

// kazakhLetters are the letters Kazakh has and Russian has not.
const kazakhLetters = "әғқңөұүһі"

// longest sentence that may do without a Kazakh letter, in letters.
const longLetters = 40

// longSentence is the first sentence of many letters that meets a condition.
func longSentence(text string, is func(string) bool) string {
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(".!?;", r) }) {
		letters := 0
		for _, r := range s {
			if cyrillic(r) {
				letters++
			}
		}
		if letters >= longLetters && is(s) {
			return strings.TrimSpace(s)
		}
	}
	return ""
}

func cyrillic(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }

// mixedWord is the first word that mixes alphabets. In Kazakh and Russian a
// lone Latin letter that looks like a word of its own counts as well.
func mixedWord(lang, text string) string {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		var cyr, other bool
		for _, r := range w {
			if cyrillic(r) {
				cyr = true
			} else {
				other = true
			}
		}
		if cyr && other || lang != "en" && len(w) == 1 && strings.Contains("acekoxyACEKOXY", w) {
			return w
		}
	}
	return ""
}

// foreign spells out the letters of a word that are not Cyrillic.
func foreign(lang, word string) string {
	var out []string
	for _, r := range word {
		if cyrillic(r) == (lang == "en") {
			out = append(out, fmt.Sprintf("%q U+%04X", r, r))
		}
	}
	return strings.Join(out, ", ")
}

// names reports whether a statement of consent names both what the law calls
// collection and what it calls processing.
func names(lang, text string) bool {
	stems := map[string][2]string{
		"kk": {"жина", "өңде"}, "ru": {"сб[ои]р", "обраб"}, "en": {"collect", "process"},
	}[lang]
	return matches(stems[0], strings.ToLower(text)) && matches(stems[1], strings.ToLower(text))
}

// claims checks texts that deny what the policy does.
func (c *checker) claims() {
	denies := []struct {
		when bool
		kk   string
		ru   string
		en   string
		rule string
	}{
		{
			len(c.p.Recipients) > 0,
			`(үшінші тұлғалар|алушылар|ешкім)\S*\s.{0,60}(берілмейді|бермейді|берілмей|бермейміз)`,
			`не (будут )?(переда(ются|ваться|ём|ем|[её]т)|предоставля(ются|ем)).{0,60}(треть|друг|никому)|(треть|никому).{0,60}не (будут )?переда`,
			`not (be )?(transferred|passed|disclosed|shared|sold|given).{0,40}(third part|anyone|anybody|others)|never (be )?(transferred|passed|disclosed|shared|sold|given)`,
			"says that data are not transferred, but recipients names who is given them",
		},
		{
			!c.p.CrossBorder.None(),
			`трансшекаралық беру (жүзеге )?(асырылмайды|болмайды|жоқ)`,
			`трансграничн\S+ передач\S+ (данных )?(не осуществля|не производ|нет|отсутству)`,
			`no cross-border transfer`,
			"says that there is no cross-border transfer, but the policy has a cross_border item",
		},
		{
			!c.p.Publication.None(),
			`көздерде (таратылмайды|жарияланбайды)`,
			`не (распространяются|публикуются)`,
			`not (be )?published`,
			"says that data are not published, but the policy has a publication item",
		},
	}
	for _, t := range c.p.texts() {
		for _, d := range denies {
			if !d.when {
				continue
			}
			for _, l := range []struct{ lang, text, pattern string }{{"kk", t.KK, d.kk}, {"ru", t.RU, d.ru}, {"en", t.EN, d.en}} {
				if matches(l.pattern, strings.ToLower(l.text)) {
					c.add(t.path+"."+l.lang, l.text, d.rule)
				}
			}
		}
	}
}
