package dashboard

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kelisim/banner/locale"
)

//go:embed texts/*.json
var textFiles embed.FS

// texts is every sentence of the dashboard in one language, by key. Sentences
// are whole: nothing is glued together from pieces.
type texts map[string]string

func loadTexts() (map[string]texts, error) {
	all := map[string]texts{}
	for _, lang := range locale.Languages() {
		raw, err := textFiles.ReadFile("texts/" + lang + ".json")
		if err != nil {
			return nil, fmt.Errorf("dashboard: texts: %w", err)
		}
		t := texts{}
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, fmt.Errorf("dashboard: texts %s: %w", lang, err)
		}
		all[lang] = t
	}
	return all, nil
}

// with is the sentence of a key with its placeholder filled.
func (t texts) with(key, placeholder, value string) string {
	return strings.ReplaceAll(t[key], "{"+placeholder+"}", value)
}

// languageName is what a language calls itself.
func languageName(lang string) string {
	switch lang {
	case locale.KK:
		return "Қазақша"
	case locale.RU:
		return "Русский"
	default:
		return "English"
	}
}

// lang is the language of an answer: what the address says, else what was chosen
// before, else what the browser prefers, else Kazakh.
func (d *Dashboard) lang(c *fiber.Ctx) string {
	for _, wish := range []string{c.Query("lang"), c.Cookies(d.cookieName(langCookie))} {
		for _, known := range locale.Languages() {
			if wish == known {
				return known
			}
		}
	}
	accepted := c.AcceptsLanguages(locale.Languages()...)
	for _, known := range locale.Languages() {
		if accepted == known {
			return known
		}
	}
	return locale.KK
}
