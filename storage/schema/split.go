package schema

import "strings"

// Split cuts a text into its statements. Semicolons within quotes and comments
// do not end a statement; comments before a statement stay with it; a piece that
// is nothing but comments and white space is left out.
func Split(text string) []string {
	var (
		statements []string
		start      int
		substance  bool // the piece holds more than comments
	)
	for i := 0; i < len(text); {
		switch length := skip(text[i:]); {
		case length > 0:
			substance = substance || text[i] == '\'' || text[i] == '"' || text[i] == '`'
			i += length
		case text[i] == ';':
			if substance {
				statements = append(statements, strings.TrimSpace(text[start:i]))
			}
			i++
			start, substance = i, false
		default:
			substance = substance || !strings.ContainsRune(" \t\r\n", rune(text[i]))
			i++
		}
	}
	if substance {
		statements = append(statements, strings.TrimSpace(text[start:]))
	}
	return statements
}

// skip returns the length of the comment or quoted text that begins here, 0 when
// neither does.
func skip(text string) int {
	switch {
	case strings.HasPrefix(text, "--"):
		return through(text, "\n", 2)
	case strings.HasPrefix(text, "/*"):
		return through(text, "*/", 2)
	case text[0] == '\'', text[0] == '"', text[0] == '`':
		return quoted(text)
	default:
		return 0
	}
}

func through(text, end string, from int) int {
	at := strings.Index(text[from:], end)
	if at < 0 {
		return len(text)
	}
	return from + at + len(end)
}

// quoted measures quoted text, in which the quote is doubled or escaped.
func quoted(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == text[0] && i+1 < len(text) && text[i+1] == text[0]:
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return len(text)
}
