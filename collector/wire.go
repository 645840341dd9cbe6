package collector

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

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

// eventsCall is the envelope of POST /v1/events. Unknown keys of it are ignored:
// a newer script must not lose honest events.
type eventsCall struct {
	V       int    `json:"v"`
	Site    string `json:"site"`
	Token   string `json:"token"`
	Now     int64  `json:"now"` // the browser's clock when it sent
	Session struct {
		ID    string `json:"id"`
		Start int64  `json:"start"`
	} `json:"session"`
	Events []json.RawMessage `json:"events"`
}

// wireEvent is one event. An unknown key in it makes it invalid.
type wireEvent struct {
	Seq      uint32                     `json:"seq"`
	Name     string                     `json:"name"`
	URL      string                     `json:"url"`
	Referrer string                     `json:"referrer"`
	Ago      float64                    `json:"ago"`
	Engaged  float64                    `json:"engaged"`
	Props    map[string]json.RawMessage `json:"props"`
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
	if err := json.Unmarshal(body, &call); err != nil {
		return decoded{}, badField("", "the body is not the JSON that this call takes")
	}
	switch {
	case call.V != wireVersion:
		return decoded{}, badField("v", "the version must be 1")
	case call.Site == "":
		return decoded{}, badField("site", "the site is missing")
	case len(call.Events) == 0:
		return decoded{}, badField("events", "there is no event")
	case len(call.Events) > maxEvents:
		return decoded{}, badField("events", "more than "+strconv.Itoa(maxEvents)+" events in one call")
	}
	d := decoded{site: call.Site, token: call.Token}
	if len(call.Session.ID) != 32 {
		return decoded{}, badField("session.id", "the session id must be 32 hexadecimal digits")
	}
	if _, err := hex.Decode(d.session.ID[:], []byte(call.Session.ID)); err != nil {
		return decoded{}, badField("session.id", "the session id must be 32 hexadecimal digits")
	}
	now := call.Now
	if now == 0 {
		now = received.UnixMilli()
	}
	d.session.Age = milliseconds(float64(now) - float64(call.Session.Start))
	for _, raw := range call.Events {
		if e, ok := decodeEvent(raw); ok {
			d.events = append(d.events, e)
		} else {
			d.malformed++
		}
	}
	return d, nil
}

func decodeEvent(raw []byte) (validate.Raw, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var w wireEvent
	if err := dec.Decode(&w); err != nil || dec.More() {
		return validate.Raw{}, false
	}
	e := validate.Raw{
		Seq: w.Seq, Name: w.Name, URL: w.URL, Referrer: w.Referrer,
		Ago: milliseconds(w.Ago), Engaged: milliseconds(w.Engaged),
	}
	if len(w.Props) > validate.MaxProps {
		return validate.Raw{}, false
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

// scalar reads a text, a number or a boolean; nothing else is a property.
func scalar(raw json.RawMessage) (string, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "", false
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return "", false
		}
		return s, true
	case '{', '[', 'n':
		return "", false
	}
	return strings.Clone(string(raw)), true
}

// milliseconds bounds a number of the wire before it becomes a duration.
func milliseconds(ms float64) time.Duration {
	const limit = float64(math.MaxInt64 / int64(time.Millisecond) / 2)
	if math.IsNaN(ms) {
		return 0
	}
	return time.Duration(min(max(ms, -limit), limit)) * time.Millisecond
}

// consentCall is the body of POST /v1/consent. Unknown keys are ignored.
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
