package banner

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"kelisim/banner/locale"
)

//go:embed texts/*.yaml
var textFiles embed.FS

// texts is every text by language and key.
type texts map[string]map[Key]string

func readTexts() (texts, error) {
	all := texts{}
	for _, lang := range locale.Languages() {
		data, err := textFiles.ReadFile("texts/" + lang + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("banner: read texts: %w", err)
		}
		one := map[Key]string{}
		if err := yaml.UnmarshalWithOptions(data, &one, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("banner: read texts in %s: %w", lang, err)
		}
		all[lang] = one
	}
	return all, nil
}

// Text is a text in a language, with placeholders filled: Text("kk",
// TextRegistered, "id", "7", "n", "3"). A language that is not offered falls
// back to Kazakh.
func (b *Banner) Text(lang string, key Key, placeholders ...string) string {
	if !locale.Known(lang) {
		lang = locale.KK
	}
	return fill(b.texts[lang][key], placeholders...)
}

// Keys lists the keys of the texts.
func (b *Banner) Keys() []Key {
	var keys []Key
	for key := range b.texts[locale.KK] {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Days is a count of days in words: «90 күн».
func (b *Banner) Days(lang string, n int) string {
	key := map[locale.Form]Key{locale.One: TextDaysOne, locale.Few: TextDaysFew, locale.Many: TextDaysMany}[locale.Plural(lang, n)]
	return b.Text(lang, key, "n", strconv.Itoa(n))
}

// fill puts values in the place of their names. A value that ends in a full stop,
// as «1 мая 2027 г.» does, ends its sentence too.
func fill(text string, placeholders ...string) string {
	var pairs []string
	for i := 0; i+1 < len(placeholders); i += 2 {
		name, value := "{"+placeholders[i]+"}", placeholders[i+1]
		if strings.HasSuffix(value, ".") {
			pairs = append(pairs, name+".", value)
		}
		pairs = append(pairs, name, value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Language is the first wanted language that is offered, or the first offered.
// Wanted languages may be tags with a region, as kk-KZ; "kz" is read as Kazakh.
// The result shares no memory with what was wanted, which may be a request's.
func Language(offered []string, wanted ...string) string {
	for _, tag := range wanted {
		for _, tag := range strings.Split(tag, ",") {
			tag, _, _ = strings.Cut(strings.TrimSpace(tag), ";")
			tag, _, _ = strings.Cut(strings.ToLower(strings.ReplaceAll(tag, "_", "-")), "-")
			if tag == "kz" {
				tag = locale.KK
			}
			if i := slices.Index(offered, tag); i >= 0 {
				return offered[i]
			}
		}
	}
	if len(offered) == 0 {
		return locale.KK
	}
	return offered[0]
}
