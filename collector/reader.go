package collector

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// reader reads the JSON of one body member by member, by what became
// encoding/json/jsontext of Go 1.27: a key in other letters is another key, and
// nothing is guessed. Texts without escapes are parts of its own copy of the body.
type reader struct {
	body string
	raw  []byte // the server's buffer
	base int    // where the value that is being read begins
	mode *mode
	json jsontext.Decoder
	from bytes.Buffer
}

// mode is how strictly a value is read. A key that stands twice is looked for by
// whoever knows which keys there can be.
type mode struct {
	nulls   bool // a null stands for nothing; else it is a fault
	options []jsontext.Options
}

var (
	leniently = mode{nulls: true, options: []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}}
	strictly  = mode{options: []jsontext.Options{jsontext.AllowDuplicateNames(true)}}
)

// keys is a set of keys that were seen.
type keys uint

var (
	errTwice = errors.New("collector: a key stands twice")
	errShape = errors.New("collector: a value of another kind")
)

// once adds a key, and passes on what became of its value.
func (k *keys) once(key keys, err error) error {
	if *k&key != 0 {
		return errTwice
	}
	*k |= key
	return err
}

// open begins with a body, whose buffer must stay as it is until close.
func (r *reader) open(body []byte) {
	r.body, r.raw = string(body), body
	r.begin(span{0, len(body)}, &leniently)
}

// begin goes to a value of the body.
func (r *reader) begin(s span, m *mode) {
	r.base, r.mode, r.from = s.at, m, *bytes.NewBuffer(r.raw[s.at:s.end])
	r.json.Reset(&r.from, m.options...)
}

// close forgets the body.
func (r *reader) close() { r.body, r.raw, r.from = "", nil, bytes.Buffer{} }

// end is an error unless nothing follows.
func (r *reader) end() error {
	if _, err := r.json.ReadToken(); err != io.EOF {
		return errShape
	}
	return nil
}

// members reads an object and calls of with the name of each member, which must
// read its value.
func (r *reader) members(of func(name []byte) error) error {
	if null, err := r.enter(jsontext.KindBeginObject); err != nil || null {
		return err
	}
	for r.json.PeekKind() != jsontext.KindEndObject {
		v, err := r.json.ReadValue()
		if err != nil {
			return err
		}
		if err := of(unquoted(v)); err != nil {
			return err
		}
	}
	_, err := r.json.ReadToken()
	return err
}

// elements reads an array and tells where each value of it stands.
func (r *reader) elements(each func(span)) error {
	if null, err := r.enter(jsontext.KindBeginArray); err != nil || null {
		return err
	}
	for r.json.PeekKind() != jsontext.KindEndArray {
		v, err := r.json.ReadValue()
		if err != nil {
			return err
		}
		each(r.where(v))
	}
	_, err := r.json.ReadToken()
	return err
}

// enter reads the begin of an object or an array, or a null in its place.
func (r *reader) enter(kind jsontext.Kind) (null bool, err error) {
	switch k := r.json.PeekKind(); {
	case k == jsontext.KindNull && r.mode.nulls:
		return true, r.skip()
	case k != kind:
		return false, errShape
	}
	_, err = r.json.ReadToken()
	return false, err
}

// skip passes over a value.
func (r *reader) skip() error {
	_, err := r.json.ReadValue()
	return err
}

// where is the place of the value that was read last.
func (r *reader) where(v jsontext.Value) span {
	end := r.base + int(r.json.InputOffset())
	return span{end - len(v), end}
}

// value reads a value of one kind, or a null in its place.
func (r *reader) value(kind jsontext.Kind) (v jsontext.Value, null bool, err error) {
	if v, err = r.json.ReadValue(); err != nil {
		return nil, false, err
	}
	switch k := v.Kind(); {
	case k == kind:
		return v, false, nil
	case k == jsontext.KindNull && r.mode.nulls:
		return nil, true, nil
	}
	return nil, false, errShape
}

// text reads a text.
func (r *reader) text(into *string) error {
	v, null, err := r.value(jsontext.KindString)
	if err == nil && !null {
		*into = r.owned(v)
	}
	return err
}

// owned is a text that was read last, without its quotes.
func (r *reader) owned(v jsontext.Value) string {
	if bytes.IndexByte(v, '\\') < 0 {
		s := r.where(v)
		return r.body[s.at+1 : s.end-1]
	}
	return string(unquoted(v))
}

// unquoted is a text without its quotes, in the buffer of the body where it has
// no escapes. Bytes that are no UTF-8 become its sign for them where the reader
// has let them pass.
func unquoted(v jsontext.Value) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	b, _ := jsontext.AppendUnquote(nil, v) // only what is no UTF-8 is an error here
	return b
}

// whole reads a whole number.
func (r *reader) whole(into *int64) error {
	v, null, err := r.value(jsontext.KindNumber)
	if err != nil || null {
		return err
	}
	*into, err = strconv.ParseInt(r.written(v), 10, 64)
	return err
}

// number reads a number.
func (r *reader) number(into *float64) error {
	v, null, err := r.value(jsontext.KindNumber)
	if err != nil || null {
		return err
	}
	*into, err = strconv.ParseFloat(r.written(v), 64)
	return err
}

// scalar reads a text, a finite number or a boolean as it is written.
func (r *reader) scalar(into *string) error {
	v, err := r.json.ReadValue()
	if err != nil {
		return err
	}
	switch v.Kind() {
	case jsontext.KindString:
		*into = r.owned(v)
		return nil
	case jsontext.KindNumber:
		*into = r.written(v)
		_, err = strconv.ParseFloat(*into, 64)
		return err
	case jsontext.KindTrue, jsontext.KindFalse:
		*into = r.written(v)
		return nil
	}
	return errShape
}

// written is the value that was read last, as it stands in the body.
func (r *reader) written(v jsontext.Value) string {
	s := r.where(v)
	return r.body[s.at:s.end]
}

// boolean reads true or false.
func (r *reader) boolean(into *bool) error {
	v, err := r.json.ReadValue()
	if err != nil {
		return err
	}
	switch k := v.Kind(); {
	case k == jsontext.KindTrue, k == jsontext.KindFalse, k == jsontext.KindNull && r.mode.nulls:
		*into = k == jsontext.KindTrue
		return nil
	}
	return errShape
}
