package collector

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// reader walks over a body member by member. That it is JSON says jsontext, which
// became a part of Go 1.27 and is asked first; the walk relies on it, and finds
// where the values stand. Texts without escapes are parts of the body.
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

// How a body must be JSON: a key that stands twice is looked for by whoever knows
// which keys there can be, and text that is no UTF-8 by who reads the text.
var (
	leniently = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	strictly  = []jsontext.Options{jsontext.AllowDuplicateNames(true)}
)

// open begins with a body, of which it makes a copy.
func (r *reader) open(body []byte) error {
	if !jsontext.Value(body).IsValid(leniently...) {
		return errJSON
	}
	*r = reader{body: string(body), nulls: true, escapes: bytes.IndexByte(body, '\\') >= 0}
	return nil
}

// exactly goes to a value of the body that must be whole: no null, and no text that
// is no UTF-8.
func (r *reader) exactly(s span) error {
	r.at, r.nulls = s.at, false
	value := r.body[s.at:s.end]
	// Without an escape nothing else can be wrong with a text.
	if !utf8.ValidString(value) || r.escapes && !jsontext.Value(value).IsValid(strictly...) {
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

// peek is the first byte of the next value, or of what ends an object or an array.
// A comma is passed over.
func (r *reader) peek() byte {
	r.space()
	if r.body[r.at] == ',' {
		r.at++
		r.space()
	}
	return r.body[r.at]
}

// null passes over a null where it stands for nothing.
func (r *reader) null() bool {
	if !r.nulls || r.peek() != 'n' {
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
	r.at++
	for r.peek() != '}' {
		name := r.unquoted(r.quoted())
		r.space()
		r.at++ // the colon
		if err := of(name); err != nil {
			return err
		}
	}
	r.at++
	return nil
}

// elements reads an array and tells where each value of it stands.
func (r *reader) elements(each func(span)) error {
	if r.null() {
		return nil
	}
	if r.peek() != '[' {
		return errShape
	}
	r.at++
	for r.peek() != ']' {
		start := r.at
		r.skip()
		each(span{start, r.at})
	}
	r.at++
	return nil
}

// skip passes over a value.
func (r *reader) skip() {
	depth := 0
	r.peek()
	for {
		switch r.body[r.at] {
		case '"':
			r.quoted()
		case '{', '[':
			depth++
			r.at++
		case '}', ']':
			depth--
			r.at++
		case ',', ':', ' ', '\t', '\r', '\n':
			r.at++
		default:
			r.plain()
		}
		if depth == 0 {
			return
		}
	}
}

// quoted passes over a text; it is returned with its quotes.
func (r *reader) quoted() string {
	start := r.at
	for r.at++; ; {
		r.at += strings.IndexByte(r.body[r.at:], '"') + 1
		if !r.escapes {
			return r.body[start:r.at]
		}
		marks := 0 // an even number of backslashes stand for themselves
		for r.body[r.at-2-marks] == '\\' {
			marks++
		}
		if marks%2 == 0 {
			return r.body[start:r.at]
		}
	}
}

// plain passes over a number, true, false or null, as it is written.
func (r *reader) plain() string {
	start := r.at
	for r.at < len(r.body) {
		switch r.body[r.at] {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return r.body[start:r.at]
		}
		r.at++
	}
	return r.body[start:]
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
	*into = r.unquoted(r.quoted())
	return nil
}

// digits passes over a number.
func (r *reader) digits() (string, error) {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		return "", errShape
	}
	return r.plain(), nil
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
	c := r.peek()
	if c != 't' && c != 'f' {
		return errShape
	}
	r.plain()
	*into = c == 't'
	return nil
}

// scalar reads a text, a finite number or a boolean as it is written.
func (r *reader) scalar(into *string) (err error) {
	switch c := r.peek(); c {
	case '"':
		return r.text(into)
	case 't', 'f':
		*into = r.plain()
		return nil
	}
	if *into, err = r.digits(); err == nil {
		_, err = strconv.ParseFloat(*into, 64)
	}
	return err
}
