package collector

import (
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"kelisim/pipeline/validate"
)

// Limits of a call. They bound memory and leave room for any honest browser.
const (
	maxBody     = 64 << 10 // bytes, the most a browser keeps in flight on page hide
	maxEvents   = 100      // in one call
	wireVersion = 1
)

// fault is a refusal of a whole call: what is wrong, and where. It never repeats
// what was sent.
type fault struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

func badField(field, message string) *fault {
	return &fault{status: 400, Code: "bad_request", Message: message, Field: field}
}

// JSON is read by what became encoding/json/v2 of Go 1.27. The first version
// takes a key in any letter case, a key that stands twice, and bytes that are no
// UTF-8, so that two readers could see two calls in one body.

// eventsCall is the envelope of POST /v1/events. Unknown keys of it are ignored:
// a newer script must not lose honest events.
type eventsCall struct {
	V       once[int]    `json:"v"`
	Site    once[string] `json:"site"`
	Token   once[string] `json:"token"`
	Now     once[int64]  `json:"now"` // the browser's clock when it sent
	Session once[struct {
		ID    once[string] `json:"id"`
		Start once[int64]  `json:"start"`
	}] `json:"session"`
	Events once[[]wireEvent] `json:"events"`
}

// envelope lets pass what is wrong inside an event, which then spoils that event
// alone.
var envelope = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// once is a key of the envelope that may stand once.
type once[T any] struct {
	is   T
	said bool
}

var errTwice = errors.New("collector: a key stands twice")

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

// decoded is what a call holds, in values of its own.
type decoded struct {
	site      string
	token     string
	session   validate.Session
	events    []validate.Raw
	malformed uint32
}

// decodeEvents reads the body of POST /v1/events. Everything it returns is a
// copy: the server uses the buffer of the body again for the next request.
func decodeEvents(body []byte, received time.Time) (decoded, *fault) {
	var call eventsCall
	if err := json.Unmarshal(body, &call, envelope); err != nil {
		return decoded{}, badField("", "the body is not the JSON that this call takes")
	}
	events, session := call.Events.is, call.Session.is
	switch {
	case call.V.is != wireVersion:
		return decoded{}, badField("v", "the version must be 1")
	case call.Site.is == "":
		return decoded{}, badField("site", "the site is missing")
	case len(events) == 0:
		return decoded{}, badField("events", "there is no event")
	case len(events) > maxEvents:
		return decoded{}, badField("events", "more than "+strconv.Itoa(maxEvents)+" events in one call")
	}
	d := decoded{site: call.Site.is, token: call.Token.is}
	if len(session.ID.is) != 32 {
		return decoded{}, badField("session.id", "the session id must be 32 hexadecimal digits")
	}
	if _, err := hex.Decode(d.session.ID[:], []byte(session.ID.is)); err != nil {
		return decoded{}, badField("session.id", "the session id must be 32 hexadecimal digits")
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

var errNull = errors.New("collector: a null")

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

// milliseconds bounds a number of the wire before it becomes a duration.
func milliseconds(ms float64) time.Duration {
	const limit = float64(math.MaxInt64 / int64(time.Millisecond) / 2)
	if math.IsNaN(ms) {
		return 0
	}
	return time.Duration(min(max(ms, -limit), limit)) * time.Millisecond
}

// consentCall is the body of POST /v1/consent. Unknown keys are ignored; a key
// that stands twice, and text that is no UTF-8, spoil the call.
type consentCall struct {
	V       int             `json:"v"`
	Site    string          `json:"site"`
	Edition string          `json:"edition"`
	Lang    string          `json:"lang"`
	Action  string          `json:"action"`
	Choices map[string]bool `json:"choices"`
	Key     string          `json:"key"`
	Shown   struct {
		Variant    string `json:"variant"`
		TextSHA256 string `json:"text_sha256"`
	} `json:"shown"`
	GPC bool `json:"gpc"`
}

// decodeConsent reads the body of POST /v1/consent.
func decodeConsent(body []byte) (consentCall, *fault) {
	var c consentCall
	if err := json.Unmarshal(body, &c); err != nil {
		return c, badField("", "the body is not the JSON that this call takes")
	}
	switch {
	case c.V != wireVersion:
		return c, badField("v", "the version must be 1")
	case c.Site == "":
		return c, badField("site", "the site is missing")
	case !isUUID(c.Key):
		return c, badField("key", "the key must be a UUID")
	case c.Action == "custom" && c.Choices == nil:
		return c, badField("choices", "a custom choice names what was chosen")
	case !plain(c.Shown.Variant, 32):
		return c, badField("shown.variant", "the variant must be at most 32 letters, digits and dashes")
	case c.Shown.TextSHA256 != "" && (len(c.Shown.TextSHA256) != 64 || strings.Trim(c.Shown.TextSHA256, "0123456789abcdef") != ""):
		return c, badField("shown.text_sha256", "the hash must be 64 hexadecimal digits")
	}
	return c, nil
}

func isUUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	return strings.Trim(s, "0123456789abcdefABCDEF-") == ""
}

// plain reports a short word of letters, digits and dashes.
func plain(s string, limit int) bool {
	return len(s) <= limit && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}
