// Package locale writes dates, numbers and country names in Kazakh, Russian and
// English. The forms are our own: browsers that claim to know kk-KZ print wrong
// ones, so whatever a person reads is formatted here or by the same tables.
//
// The package imports nothing of this module. Functions given a language that is
// not one of Languages use Kazakh, the state language.
package locale

// The languages every text exists in.
const (
	KK = "kk"
	RU = "ru"
	EN = "en"
)

// Languages lists the languages in the order in which they are offered.
func Languages() []string { return []string{KK, RU, EN} }

// Known reports whether there are forms for a language.
func Known(lang string) bool { return lang == KK || lang == RU || lang == EN }

// Name is what a language calls itself.
func Name(lang string) string {
	switch lang {
	case KK:
		return "Қазақша"
	case RU:
		return "Русский"
	case EN:
		return "English"
	}
	return lang
}
