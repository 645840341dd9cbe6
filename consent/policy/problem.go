package policy

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a policy.
type Problem struct {
	File  string // the file, or "archive" for an edition of the archive
	Field string // path in the file, as purposes[1].retention_days
	Value string // what stands there, shortened
	Rule  string // what should stand there
	Line  int    // line of the file; 0 if the field is absent
}

// String is `file: field: value "…": rule`, and the line where there is one.
func (p Problem) String() string {
	s := fmt.Sprintf("%s: %s: value %q: %s", p.File, p.Field, p.Value, p.Rule)
	if p.Line > 0 {
		s += fmt.Sprintf(" (line %d)", p.Line)
	}
	return s
}

// Problems is everything that is wrong, in the order of the checks.
type Problems []Problem

// String is one line a problem.
func (ps Problems) String() string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(p.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// ErrProblems is what Err returns for anything that is wrong.
var ErrProblems = errors.New("policy: not usable")

// Err is nil if nothing is wrong.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%s", ErrProblems, strings.TrimSuffix(ps.String(), "\n"))
}

const maxShown = 64 // characters of a value in a problem

func shorten(s string) string {
	r := []rune(s)
	if len(r) <= maxShown {
		return s
	}
	return string(r[:maxShown-1]) + "…"
}
