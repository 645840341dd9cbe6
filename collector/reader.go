package collector

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// reader reads a body member by member, in one pass. What it takes for JSON is what
// jsontext takes for it, which became a part of Go 1.27; the tests hold the two
// against each other. Texts without escapes are parts of the body.
type reader struct {
	body    string
	at      int
	nulls   bool // a null stands for nothing; else it is a fault
	escapes bool // there is an escape somewhere
}

// span is where a value stands in a body.
type span struct{ at, end int }

// keys is a set of keys that were seen.
type keys uint

var (
	errTwice = errors.New("collector: a key stands twice")
	errShape = errors.New("collector: a value of another kind")
	errJSON  = errors.New("collector: no JSON")
)

// once adds a key, and passes on what became of its value.
func (k *keys) once(key keys, err error) error {
	if *k&key != 0 {
		return errTwice
	}
	*k |= key
	return err
}

// maxDepth is how deep values may lie in each other.
const maxDepth = 10_000

// open begins with a body, of which it makes a copy.
func (r *reader) open(body []byte) {
	*r = reader{body: string(body), nulls: true, escapes: bytes.IndexByte(body, '\\') >= 0}
}

// exactly goes to a value of the body that must be whole: no null, and no text that
// is no UTF-8.
func (r *reader) exactly(s span) error {
	r.at, r.nulls = s.at, false
	value := r.body[s.at:s.end]
	// Without an escape nothing else can be wrong with a text.
	if !utf8.ValidString(value) || r.escapes && !jsontext.Value(value).IsValid(jsontext.AllowDuplicateNames(true)) {
		return errJSON
	}
	return nil
}

// close forgets the body.
func (r *reader) close() { *r = reader{} }

// space passes over white space.
func (r *reader) space() {
	for r.at < len(r.body) {
		switch r.body[r.at] {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return
		}
	}
}

// peek is the byte that follows white space; 0 is the end.
func (r *reader) peek() byte {
	r.space()
	if r.at == len(r.body) {
		return 0
	}
	return r.body[r.at]
}

// end is an error unless nothing follows.
func (r *reader) end() error {
	if r.peek() != 0 || r.at < len(r.body) {
		return errJSON
	}
	return nil
}

// null passes over a null where it stands for nothing.
func (r *reader) null() bool {
	if !r.nulls || r.peek() != 'n' || !strings.HasPrefix(r.body[r.at:], "null") {
		return false
	}
	r.at += len("null")
	return true
}

// members reads an object and calls of with the name of each member, which must
// read its value.
func (r *reader) members(of func(name string) error) error {
	if r.null() {
		return nil
	}
	if r.peek() != '{' {
		return errShape
	}
	return r.list('}', func() error {
		name, err := r.name()
		if err != nil {
			return err
		}
		return of(name)
	})
}

// elements reads an array and tells where each value of it stands.
func (r *reader) elements(each func(span)) error {
	if r.null() {
		return nil
	}
	if r.peek() != '[' {
		return errShape
	}
	return r.list(']', func() error {
		r.space()
		start := r.at
		err := r.skip(1)
		each(span{start, r.at})
		return err
	})
}

// list reads what stands between two brackets; one reads a part of it.
func (r *reader) list(end byte, one func() error) error {
	r.at++
	if r.peek() == end {
		r.at++
		return nil
	}
	for {
		if err := one(); err != nil {
			return err
		}
		switch r.peek() {
		case ',':
			r.at++
		case end:
			r.at++
			return nil
		default:
			return errJSON
		}
	}
}

// name reads the name of a member and the colon behind it.
func (r *reader) name() (string, error) {
	name, err := r.quoted()
	if err != nil || r.peek() != ':' {
		return "", errJSON
	}
	r.at++
	return r.unquoted(name), nil
}

// skip passes over a value that lies so deep in others.
func (r *reader) skip(depth int) error {
	switch r.peek() {
	case '"':
		_, err := r.quoted()
		return err
	case '{':
		if depth == maxDepth {
			return errJSON
		}
		return r.list('}', func() error {
			if _, err := r.quoted(); err != nil || r.peek() != ':' {
				return errJSON
			}
			r.at++
			return r.skip(depth + 1)
		})
	case '[':
		if depth == maxDepth {
			return errJSON
		}
		return r.list(']', func() error { return r.skip(depth + 1) })
	}
	_, err := r.plain()
	return err
}

// quoted passes over a text; it is returned with its quotes.
func (r *reader) quoted() (string, error) {
	if r.peek() != '"' {
		return "", errJSON
	}
	start := r.at
	for i := start + 1; i < len(r.body); i++ {
		switch c := r.body[i]; {
		case c == '"':
			r.at = i + 1
			return r.body[start:r.at], nil
		case c < ' ':
			return "", errJSON
		case c == '\\':
			n := escape(r.body[i:])
			if n == 0 {
				return "", errJSON
			}
			i += n - 1
		}
	}
	return "", errJSON
}

// escape is how long the escape is that a text begins with; 0 if it is none.
func escape(s string) int {
	switch {
	case len(s) < 2:
		return 0
	case strings.IndexByte(`"\/bfnrt`, s[1]) >= 0:
		return 2
	case s[1] != 'u' || len(s) < 6:
		return 0
	}
	for _, c := range []byte(s[2:6]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return 0
		}
	}
	return 6
}

// plain passes over a number, true, false or null, as it is written.
func (r *reader) plain() (string, error) {
	r.space()
	start := r.at
	for r.at < len(r.body) && r.body[r.at] > ' ' && r.body[r.at] != ',' && r.body[r.at] != '}' && r.body[r.at] != ']' {
		r.at++
	}
	word := r.body[start:r.at]
	if !numeric(word) && word != "true" && word != "false" && word != "null" {
		return "", errJSON
	}
	return word, nil
}

// numeric reports whether a word is written as a number is.
func numeric(word string) bool {
	word = strings.TrimPrefix(word, "-")
	whole := leading(word)
	if whole == 0 || whole > 1 && word[0] == '0' {
		return false
	}
	if word = word[whole:]; word == "" {
		return true
	}
	if word[0] == '.' {
		digits := leading(word[1:])
		if digits == 0 {
			return false
		}
		word = word[1+digits:]
	}
	if word == "" {
		return true
	}
	if word[0] != 'e' && word[0] != 'E' {
		return false
	}
	word = word[1:]
	if word != "" && (word[0] == '+' || word[0] == '-') {
		word = word[1:]
	}
	return word != "" && leading(word) == len(word)
}

// leading counts the digits that a text begins with.
func leading(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// unquoted is a text without its quotes. Bytes that are no UTF-8 are left as they
// are, or become the sign for them; nothing that must be UTF-8 holds any.
func (r *reader) unquoted(quoted string) string {
	if !r.escapes || strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	b, _ := jsontext.AppendUnquote(nil, quoted) // only what is no UTF-8 is an error here
	return string(b)
}

// text reads a text.
func (r *reader) text(into *string) error {
	if r.null() {
		return nil
	}
	if r.peek() != '"' {
		return errShape
	}
	quoted, err := r.quoted()
	if err == nil {
		*into = r.unquoted(quoted)
	}
	return err
}

// digits passes over a number.
func (r *reader) digits() (string, error) {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		return "", errShape
	}
	return r.plain()
}

// whole reads a whole number.
func (r *reader) whole(into *int64) error {
	if r.null() {
		return nil
	}
	n, err := r.digits()
	if err == nil {
		*into, err = strconv.ParseInt(n, 10, 64)
	}
	return err
}

// count reads a whole number that is not negative.
func (r *reader) count(into *uint32) error {
	s, err := r.digits()
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(s, 10, 32)
	*into = uint32(n)
	return err
}

// number reads a number.
func (r *reader) number(into *float64) error {
	n, err := r.digits()
	if err == nil {
		*into, err = strconv.ParseFloat(n, 64)
	}
	return err
}

// boolean reads true or false.
func (r *reader) boolean(into *bool) error {
	if r.null() {
		return nil
	}
	word, err := r.plain()
	if err != nil || word != "true" && word != "false" {
		return errShape
	}
	*into = word == "true"
	return nil
}

// scalar reads a text, a finite number or a boolean as it is written.
func (r *reader) scalar(into *string) (err error) {
	switch c := r.peek(); c {
	case '"':
		return r.text(into)
	case 't', 'f':
		*into, err = r.plain()
		return err
	}
	if *into, err = r.digits(); err == nil {
		_, err = strconv.ParseFloat(*into, 64)
	}
	return err
}
