package validate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

var received = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// props makes n properties.
func props(n int) map[string]string {
	p := map[string]string{}
	for i := range n {
		p[fmt.Sprint("p", i)] = "v"
	}
	return p
}

func TestOf(t *testing.T) {
	type raw = validate.Raw
	page := raw{Seq: 1, Name: "pageview", URL: "https://www.example.com/a", Referrer: "https://search.example/"}
	custom := raw{Seq: 2, Name: "sign_up2", URL: "https://www.example.com/a", Props: map[string]string{"plan": "free"}}
	engaged := raw{Seq: 1, Name: "engagement", Engaged: time.Second}
	session := validate.Session{ID: [16]byte{1}, Age: time.Minute}
	with := func(r raw, change func(*raw)) raw {
		change(&r)
		return r
	}
	url := func(u string) raw { return with(page, func(r *raw) { r.URL = u }) }
	name := func(n string) raw { return with(custom, func(r *raw) { r.Name = n }) }
	prop := func(k, v string) raw { return with(custom, func(r *raw) { r.Props = map[string]string{k: v} }) }
	old := func(age time.Duration) validate.Session { return validate.Session{ID: session.ID, Age: age} }
	for _, test := range []struct {
		what    string
		raw     raw
		session validate.Session
		ok      bool
	}{
		{"a page view", page, session, true},
		{"a page view by plain http", url("http://localhost/"), session, true},
		{"a page view without referrer", with(page, func(r *raw) { r.Referrer = "" }), session, true},
		{"a declared event", custom, session, true},
		{"an event without properties", with(custom, func(r *raw) { r.Props = nil }), session, true},
		{"engaged time", engaged, session, true},

		{"no session", page, validate.Session{Age: time.Minute}, false},
		{"a session of a day", page, old(validate.MaxSession), true},
		{"a session of more than a day", page, old(validate.MaxSession + 1), false},
		{"a session that begins in a moment", page, old(-5 * time.Minute), true},
		{"a session of the future", page, old(-5*time.Minute - 1), false},

		{"no number", with(page, func(r *raw) { r.Seq = 0 }), session, false},
		{"no name", name(""), session, false},
		{"the longest name", name("a" + strings.Repeat("b", validate.MaxName-1)), session, true},
		{"a name that is too long", name(strings.Repeat("b", validate.MaxName+1)), session, false},
		{"a name in capitals", name("Signup"), session, false},
		{"a name that begins with a digit", name("2fast"), session, false},
		{"a name that begins with a line", name("_x"), session, false},
		{"a name with a sign", name("sign-up"), session, false},
		{"a name in Kazakh", name("қадам"), session, false},

		{"no address", url(""), session, false},
		{"an address without scheme", url("www.example.com/a"), session, false},
		{"a script", url("javascript:alert(1)"), session, false},
		{"a file", url("file:///etc/passwd"), session, false},
		{"capitals in the scheme", url("HTTPS://www.example.com/"), session, false},
		{"the longest address", url("https://e.kz/" + strings.Repeat("a", validate.MaxURL-13)), session, true},
		{"an address that is too long", url("https://e.kz/" + strings.Repeat("a", validate.MaxURL-12)), session, false},
		{"a line end in the address", url("https://e.kz/\n"), session, false},
		{"a zero byte in the address", url("https://e.kz/\x00"), session, false},
		{"DEL in the address", url("https://e.kz/\x7f"), session, false},
		{"bytes that are no text", url("https://e.kz/\xff"), session, false},
		{"Kazakh in the address", url("https://e.kz/келісім"), session, true},
		{"a referrer that is too long", with(page, func(r *raw) { r.Referrer = strings.Repeat("a", validate.MaxURL+1) }), session, false},
		{"a line end in the referrer", with(page, func(r *raw) { r.Referrer = "https://e.kz/\r\n" }), session, false},

		{"properties of a page view", with(page, func(r *raw) { r.Props = props(1) }), session, false},
		{"engaged time of a page view", with(page, func(r *raw) { r.Engaged = 1 }), session, false},
		{"engaged time of a declared event", with(custom, func(r *raw) { r.Engaged = 1 }), session, false},
		{"as many properties as may be", with(custom, func(r *raw) { r.Props = props(validate.MaxProps) }), session, true},
		{"too many properties", with(custom, func(r *raw) { r.Props = props(validate.MaxProps + 1) }), session, false},
		{"a property without name", prop("", "v"), session, false},
		{"a property without value", prop("k", ""), session, true},
		{"the longest name of a property", prop(strings.Repeat("k", validate.MaxPropName), "v"), session, true},
		{"too long a name of a property", prop(strings.Repeat("k", validate.MaxPropName+1), "v"), session, false},
		{"the longest value", prop("k", strings.Repeat("v", validate.MaxPropValue)), session, true},
		{"too long a value", prop("k", strings.Repeat("v", validate.MaxPropValue+1)), session, false},
		{"a control character in a value", prop("k", "\x1b[31m"), session, false},
		{"bytes that are no text in a name", prop("\xfe", "v"), session, false},

		{"no engaged time", with(engaged, func(r *raw) { r.Engaged = 0 }), session, false},
		{"negative engaged time", with(engaged, func(r *raw) { r.Engaged = -1 }), session, false},
		{"a day of engaged time", with(engaged, func(r *raw) { r.Engaged = validate.MaxEngaged }), session, true},
		{"more than a day of engaged time", with(engaged, func(r *raw) { r.Engaged = validate.MaxEngaged + 1 }), session, false},
		{"engaged time with an address", with(engaged, func(r *raw) { r.URL = page.URL }), session, false},
		{"engaged time with a referrer", with(engaged, func(r *raw) { r.Referrer = page.Referrer }), session, false},
		{"engaged time with properties", with(engaged, func(r *raw) { r.Props = props(1) }), session, false},
	} {
		e, o := validate.Of(test.raw, test.session, received)
		if (o == outcome.None) != test.ok || !test.ok && o.Reason() != outcome.ReasonInvalid || e.IsZero() == test.ok {
			t.Errorf("%s: %s, zero %v", test.what, o, e.IsZero())
		}
		if test.ok && (cmp.Diff(test.raw, e.Raw()) != "" || e.Session() != test.session) {
			t.Errorf("%s: it was changed: %+v", test.what, e.Raw())
		}
	}
}

// TestAgo: the hint how long ago an event happened is bounded on both sides.
func TestAgo(t *testing.T) {
	for _, test := range []struct{ ago, want time.Duration }{
		{0, 0}, {time.Second, time.Second}, {-time.Hour, 0}, {validate.MaxAgo, validate.MaxAgo}, {validate.MaxAgo + time.Hour, validate.MaxAgo},
		{1<<63 - 1, validate.MaxAgo}, {-1 << 63, 0},
	} {
		e, o := validate.Of(validate.Raw{Seq: 1, Name: "pageview", URL: "https://e.kz/", Ago: test.ago}, validate.Session{ID: [16]byte{1}}, received)
		if got := received.Sub(e.At()); o != outcome.None || got != test.want {
			t.Errorf("ago %s: %s, %s before it was received; want %s", test.ago, o, got, test.want)
		}
	}
}
