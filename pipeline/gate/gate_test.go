package gate_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// book holds editions by their key, until they no longer hold.
type book map[consent.EditionKey]*consent.Edition

func (b book) Holding(site string, key consent.EditionKey) (*consent.Edition, bool) {
	e, ok := b[key]
	return e, ok && e.Site() == site
}

// world is a gate with one edition whose purposes license one field each.
type world struct {
	gate    *gate.Gate
	edition *consent.Edition
	keys    *consent.Keyring
	revoked *consent.Revocations
	book    book
}

func newWorld(t *testing.T) *world {
	t.Helper()
	o := consent.EditionOptions{
		Site: "shop", Hash: sha256.Sum256([]byte("one")), Number: 1, TermMonths: 6,
		Events: map[string][]string{"signup": {"plan"}, "ping": nil},
	}
	for _, f := range consent.AllFields() {
		o.Items = append(o.Items, consent.Item{ID: f.String(), Fields: consent.FieldsOf(f), RetentionDays: 90})
	}
	o.Items = append(o.Items, consent.Item{ID: "partners", Kind: consent.KindThirdParty})
	w := &world{keys: ring(t, 1, "secret"), revoked: consent.NewRevocations()}
	var err error
	if w.edition, err = consent.NewEdition(o); err != nil {
		t.Fatal(err)
	}
	w.book = book{w.edition.Key(): w.edition}
	if w.gate, err = gate.New(w.keys, w.book, w.revoked); err != nil {
		t.Fatal(err)
	}
	return w
}

func ring(t *testing.T, id uint32, secret string) *consent.Keyring {
	t.Helper()
	s := sha256.Sum256([]byte(secret))
	k, err := consent.NewKeyring(consent.Key{ID: id, Secret: s[:]})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// grant decides for some items at noon.
func (w *world) grant(t *testing.T, items ...string) consent.Decision {
	t.Helper()
	choices := map[string]bool{}
	for _, id := range items {
		choices[id] = true
	}
	v, err := consent.Decide(consent.Choice{Action: consent.Custom, Choices: choices}, w.edition, consent.Decision{}, nil, noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return v.Decision
}

func sign(t *testing.T, k *consent.Keyring, d consent.Decision) string {
	t.Helper()
	token, err := k.Sign(d)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestNeedsAllParts(t *testing.T) {
	w := newWorld(t)
	for _, err := range []error{
		func() error { _, err := gate.New(nil, w.book, w.revoked); return err }(),
		func() error { _, err := gate.New(w.keys, nil, w.revoked); return err }(),
		func() error { _, err := gate.New(w.keys, w.book, nil); return err }(),
	} {
		if err == nil {
			t.Error("a gate with a part missing was made")
		}
	}
}

func TestOpen(t *testing.T) {
	w := newWorld(t)
	d := w.grant(t, "page")
	token := sign(t, w.keys, d)
	revoked := w.grant(t, "page")
	w.revoked.Add(consent.Revocation{Site: "shop", ID: revoked.ID(), Lowest: 2, Expires: noon.AddDate(1, 0, 0)})
	flipped := []byte(token)
	flipped[40] ^= 1
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what, site, token string
		now               time.Time
		want              outcome.Outcome
	}{
		{"a token", "shop", token, noon, outcome.None},
		{"a token in its last second", "shop", token, d.Expires().Add(-time.Second), outcome.None},
		{"a token whose term is over", "shop", token, d.Expires(), outcome.ConsentExpired},
		{"no token", "shop", "", noon, outcome.NoToken},
		{"another site's token", "other", token, noon, outcome.TokenOtherSite},
		{"a cut token", "shop", token[:len(token)-1], noon, outcome.TokenGarbled},
		{"a token with more behind it", "shop", token + "A", noon, outcome.TokenForged},
		{"a changed token", "shop", string(flipped), noon, outcome.TokenForged},
		{"a token in another alphabet", "shop", base64.StdEncoding.EncodeToString(raw), noon, outcome.TokenGarbled},
		{"anything", "shop", "anything", noon, outcome.TokenGarbled},
		{"a very long one", "shop", strings.Repeat("A", 1<<16), noon, outcome.TokenGarbled},
		{"a forged one", "shop", sign(t, ring(t, 1, "another secret"), d), noon, outcome.TokenForged},
		{"one of an unknown key", "shop", sign(t, ring(t, 2, "secret"), d), noon, outcome.TokenForeign},
		{"one of the future", "shop", token, noon.Add(-time.Hour), outcome.TokenFuture},
		{"one of a clock a minute ahead", "shop", token, noon.Add(-time.Minute), outcome.None},
		{"one of a choice that was narrowed", "shop", sign(t, w.keys, revoked), noon, outcome.Narrowed},
		{"one that licenses no telemetry", "shop", sign(t, w.keys, w.grant(t, "partners")), noon, outcome.NothingGranted},
	} {
		p, got := w.gate.Open(test.site, test.token, false, test.now)
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.what, got, test.want)
		}
		if (got == outcome.None) == p.Decision().IsZero() {
			t.Errorf("%s: %s with the decision %v", test.what, got, p.Decision())
		}
	}
	clear(w.book)
	if _, got := w.gate.Open("shop", token, false, noon); got != outcome.Superseded {
		t.Errorf("an edition that no longer holds: %s", got)
	}
}

// event makes a valid event that happened some time after noon.
func event(t *testing.T, raw validate.Raw, after time.Duration) validate.Event {
	t.Helper()
	if raw.Name != validate.Engagement {
		raw.URL = "https://www.example.com/a?utm_source=news"
	}
	raw.Seq = 1
	e, o := validate.Of(raw, validate.Session{ID: [16]byte{7}}, noon.Add(after))
	if o != outcome.None {
		t.Fatal(o)
	}
	return e
}

func TestAdmit(t *testing.T) {
	w := newWorld(t)
	page := validate.Raw{Name: "pageview", Referrer: "https://search.example/"}
	signup := validate.Raw{Name: "signup", Props: map[string]string{"plan": "free"}}
	engaged := validate.Raw{Name: "engagement", Engaged: time.Second}
	for _, test := range []struct {
		grants string
		raw    validate.Raw
		want   outcome.Outcome
	}{
		{"page", page, outcome.None},
		{"referrer campaign country address browser os device session visitor events engagement", page, outcome.NotGranted},
		{"events", signup, outcome.None},
		{"events", validate.Raw{Name: "ping"}, outcome.None},
		{"page referrer campaign session engagement", signup, outcome.NotGranted},
		{"events", validate.Raw{Name: "undeclared"}, outcome.Undeclared},
		{"page", validate.Raw{Name: "undeclared"}, outcome.Undeclared},
		{"events", validate.Raw{Name: "signup", Props: map[string]string{"phone": "1"}}, outcome.Undeclared},
		{"events", validate.Raw{Name: "ping", Props: map[string]string{"plan": "free"}}, outcome.Undeclared},
		{"page session engagement", engaged, outcome.None},
		{"page session", engaged, outcome.NotGranted},
		{"page engagement", engaged, outcome.NotGranted},
		{"session engagement", engaged, outcome.NotGranted},
	} {
		pass, o := w.gate.Open("shop", sign(t, w.keys, w.grant(t, strings.Fields(test.grants)...)), false, noon)
		if o != outcome.None {
			t.Fatal(o)
		}
		p, o := pass.Admit(event(t, test.raw, time.Minute))
		if o != test.want || p.IsZero() != (o != outcome.None) {
			t.Errorf("%s with %q: %s, want %s", test.raw.Name, test.grants, o, test.want)
		}
	}
}

// TestAdmitTakesAway: what the decision does not license is gone after the gate.
func TestAdmitTakesAway(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		grants                 string
		url, referrer, session bool
	}{
		{"page", true, false, false},
		{"page referrer", true, true, false},
		{"page session", true, false, true},
		{"events", false, false, false},
		{"events campaign", true, false, false},
		{"events referrer session", false, true, true},
	} {
		pass, _ := w.gate.Open("shop", sign(t, w.keys, w.grant(t, strings.Fields(test.grants)...)), false, noon)
		raw := validate.Raw{Name: "pageview", Referrer: "https://search.example/"}
		if strings.HasPrefix(test.grants, "events") {
			raw.Name = "signup"
		}
		p, o := pass.Admit(event(t, raw, time.Minute))
		if o != outcome.None {
			t.Fatalf("%s: %s", test.grants, o)
		}
		if (p.Event().URL != "") != test.url || (p.Event().Referrer != "") != test.referrer || (p.Session() != [16]byte{}) != test.session {
			t.Errorf("%q leaves %+v and the session %x", test.grants, p.Event(), p.Session())
		}
		if !p.At().Equal(noon.Add(time.Minute)) || p.Decision().ID() != pass.Decision().ID() || p.Permission().Days != 90 {
			t.Errorf("%q: %s, %+v", test.grants, p.At(), p.Permission())
		}
		if text := fmt.Sprint(slog.AnyValue(p).Resolve()); text != "[redacted]" {
			t.Errorf("an event in a log: %s", text)
		}
	}
}

// TestAdmitLooksAtTheMoment: the decision must have stood when it happened.
func TestAdmitLooksAtTheMoment(t *testing.T) {
	w := newWorld(t)
	d := w.grant(t, "page")
	pass, _ := w.gate.Open("shop", sign(t, w.keys, d), false, noon)
	for _, test := range []struct {
		after time.Duration
		want  outcome.Outcome
	}{
		{0, outcome.None},
		{-time.Millisecond, outcome.BeforeDecision},
		{-time.Hour, outcome.BeforeDecision},
		{d.Expires().Sub(noon) - time.Millisecond, outcome.None},
		{d.Expires().Sub(noon), outcome.ConsentExpired},
	} {
		if _, o := pass.Admit(event(t, validate.Raw{Name: "pageview"}, test.after)); o != test.want {
			t.Errorf("%s after the decision: %s, want %s", test.after, o, test.want)
		}
	}
	if _, o := pass.Admit(validate.Event{}); o != outcome.Malformed {
		t.Errorf("an event that was never validated: %s", o)
	}
	if _, o := (gate.Pass{}).Admit(event(t, validate.Raw{Name: "pageview"}, 0)); o != outcome.NothingGranted {
		t.Errorf("an empty pass: %s", o)
	}
}
