package source

import (
	"errors"
	"testing"
)

// TestListRefuses: a slip in the list is an error at the start, never a silent hole.
func TestListRefuses(t *testing.T) {
	for _, text := range []string{
		"search | Google", "search | | google.com", "search | Google |", "shop | Google | google.com",
		"search | Google | google.{nowhere}", "search | Google | google.{com", "search | Google | google",
		"search | Google | google.com google.com", "search | Google | app:a.b app:a.b", "search | Google | Google.com",
		"utm | Google | google", "search | Google | google.com\nutm | Google | g g",
	} {
		if _, err := parse(text); !errors.Is(err, ErrList) {
			t.Errorf("%q is read: %v", text, err)
		}
	}
}
