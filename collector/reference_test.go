package collector

import (
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"kelisim/pipeline/validate"
)

// eventsCall is the envelope as the reference reads it.
type eventsCall struct {
	V       once[int]    `json:"v"`
	Site    once[string] `json:"site"`
	Token   once[string] `json:"token"`
	Now     once[int64]  `json:"now"` // the browser's clock when it sent
	Session once[struct {
		ID    once[string] `json:"id"`
		Start once[int64]  `json:"start"`
	}] `json:"session"`
	Again  once[bool]        `json:"again"`
	Events once[[]wireEvent] `json:"events"`
}

// lenient lets pass what is wrong inside an event, which then spoils that event
// alone.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// once is a key of the envelope that may stand once.
type once[T any] struct {
	is   T
	said bool
}

// UnmarshalJSONFrom reads the value of the key.
func (o *once[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if o.said {
		return errTwice
	}
	o.said = true
	return json.UnmarshalDecode(d, &o.is)
}

// wireEvent is one event of a call: what it says, or that it is malformed.
type wireEvent struct {
	raw validate.Raw
	ok  bool
}

// UnmarshalJSONFrom reads one event. Only a body that is no JSON is an error.
func (e *wireEvent) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err == nil {
		e.raw, e.ok = decodeEvent(v)
	}
	return err
}

// reference is what a call holds.
type reference struct {
	site      string
	token     string
	session   validate.Session
	events    []validate.Raw
	malformed int
	again     bool
}

// refer reads the body of POST /v1/events by reflection: slowly, and in a way that
// can be seen to be right.
func refer(body []byte, received time.Time) (reference, *fault) {
	var call eventsCall
	if err := json.Unmarshal(body, &call, lenient); err != nil {
		return reference{}, badField("", "the body is not the JSON that this call takes")
	}
	events, session := call.Events.is, call.Session.is
	switch {
	case call.V.is != wireVersion:
		return reference{}, badField("v", "the version must be 1")
	case call.Site.is == "":
		return reference{}, badField("site", "the site is missing")
	case len(events) == 0:
		return reference{}, badField("events", "there is no event")
	case len(events) > maxEvents:
		return reference{}, badField("events", "more than "+strconv.Itoa(maxEvents)+" events in one call")
	}
	d := reference{site: call.Site.is, token: call.Token.is, again: call.Again.is}
	if len(session.ID.is) != 32 {
		return reference{}, badField("session.id", "the session id must be 32 hexadecimal digits")
	}
	if _, err := hex.Decode(d.session.ID[:], []byte(session.ID.is)); err != nil {
		return reference{}, badField("session.id", "the session id must be 32 hexadecimal digits")
	}
	now := call.Now.is
	if now == 0 {
		now = received.UnixMilli()
	}
	d.session.Age = milliseconds(float64(now) - float64(session.Start.is))
	for _, e := range events {
		if e.ok {
			d.events = append(d.events, e.raw)
		} else {
			d.malformed++
		}
	}
	return d, nil
}

// exactly is how an event is read: an unknown key, one that stands twice, text
// that is no UTF-8 and a null make it malformed.
var exactly = json.JoinOptions(json.RejectUnknownMembers(true), json.WithUnmarshalers(json.JoinUnmarshalers(
	notNull[uint32](), notNull[string](), notNull[float64](), notNull[map[string]jsontext.Value](),
)))

var errNull = errors.New("a null")

func notNull[T any]() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(d *jsontext.Decoder, _ *T) error {
		if d.PeekKind() == jsontext.KindNull {
			return errNull
		}
		return errors.ErrUnsupported // read it as usual
	})
}

func decodeEvent(raw jsontext.Value) (validate.Raw, bool) {
	var w struct {
		Seq      uint32                    `json:"seq"`
		Name     string                    `json:"name"`
		URL      string                    `json:"url"`
		Referrer string                    `json:"referrer"`
		Ago      float64                   `json:"ago"`
		Engaged  float64                   `json:"engaged"`
		Props    map[string]jsontext.Value `json:"props"`
	}
	if raw.Kind() != jsontext.KindBeginObject || json.Unmarshal(raw, &w, exactly) != nil || len(w.Props) > validate.MaxProps {
		return validate.Raw{}, false
	}
	e := validate.Raw{
		Seq: w.Seq, Name: w.Name, URL: w.URL, Referrer: w.Referrer,
		Ago: milliseconds(w.Ago), Engaged: milliseconds(w.Engaged),
	}
	for name, value := range w.Props {
		text, ok := scalar(value)
		if !ok {
			return validate.Raw{}, false
		}
		if e.Props == nil {
			e.Props = make(map[string]string, len(w.Props))
		}
		e.Props[name] = text
	}
	return e, true
}

// scalar reads a text, a finite number or a boolean; nothing else is a property.
// It is a copy of what was sent.
func scalar(v jsontext.Value) (string, bool) {
	switch v.Kind() {
	case jsontext.KindString:
		var s string
		err := json.Unmarshal(v, &s)
		return s, err == nil
	case jsontext.KindNumber:
		_, err := strconv.ParseFloat(string(v), 64)
		return string(v), err == nil
	case jsontext.KindTrue, jsontext.KindFalse:
		return string(v), true
	}
	return "", false
}
