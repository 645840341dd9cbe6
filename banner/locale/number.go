package locale

import (
	"math"
	"strconv"
	"strings"
)

// group is the space inside numbers: it does not break across lines.
const group = "\u00a0"

// Integer writes a whole number: 1 234 567 with spaces that do not break, in
// English 1,234,567.
func Integer(lang string, n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	return sign + grouped(lang, digits)
}

// Number writes a number with a fixed count of decimals: 1 234 567,8, in
// English 1,234,567.8. What is not a finite number is written as a dash.
func Number(lang string, x float64, decimals int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	s := strconv.FormatFloat(math.Abs(x), 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	s = grouped(lang, whole)
	if fraction != "" {
		s += point(lang) + fraction
	}
	if x < 0 && strings.ContainsAny(s, "123456789") {
		s = "-" + s
	}
	return s
}

// Percent writes a share between 0 and 1: 42,7%, in English 42.7%.
func Percent(lang string, share float64, decimals int) string {
	return Number(lang, share*100, decimals) + "%"
}

func point(lang string) string {
	if lang == EN {
		return "."
	}
	return ","
}

func grouped(lang, digits string) string {
	sep := group
	if lang == EN {
		sep = ","
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(sep)
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Form is the plural form a whole number takes.
type Form string

// The plural forms. Kazakh nouns stay singular after a number and use One for
// every number; Russian uses One, Few and Many; English One and Many.
const (
	One  Form = "one"
	Few  Form = "few"
	Many Form = "many"
)

// Plural is the form of a whole number.
func Plural(lang string, n int) Form {
	n = max(n, -n)
	switch lang {
	case RU:
		switch tens, ones := n/10%10, n%10; {
		case tens != 1 && ones == 1:
			return One
		case tens != 1 && ones >= 2 && ones <= 4:
			return Few
		}
		return Many
	case EN:
		if n != 1 {
			return Many
		}
	}
	return One
}
