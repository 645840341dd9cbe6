package collector

import (
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
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
	retry   time.Duration // when to try again; 0 says nothing of it
	Code    string        `json:"code"`
	Message string        `json:"message"`
	Field   string        `json:"field,omitempty"`
}

func badField(field, message string) *fault {
	return &fault{status: 400, Code: "bad_request", Message: message, Field: field}
}

// JSON is read by what became encoding/json/v2 of Go 1.27. The first version
// takes a key in any letter case, a key that stands twice, and bytes that are no
// UTF-8, so that two readers could see two calls in one body.

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
	GPC   bool   `json:"gpc"`
	Token string `json:"token"` // counts in mode cross-origin alone
}

// decodeQuestion reads the body of a question for the state, in mode cross-origin.
func decodeQuestion(body []byte) (token string, f *fault) {
	var q struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return "", badField("", "the body is not the JSON that this call takes")
	}
	return q.Token, nil
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
