package enrich_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/agents"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

// atlas knows one network.
type atlas struct{ asked *int }

func (a atlas) Place(addr netip.Addr) enrich.Place {
	*a.asked++
	if netip.MustParsePrefix("203.0.113.0/24").Contains(addr) {
		return enrich.Place{Country: "KZ"}
	}
	return enrich.Place{}
}

// permitted makes an event that a decision about these fields licenses.
func permitted(t *testing.T, fields ...consent.Field) gate.Permitted {
	t.Helper()
	e, err := consent.NewEdition(consent.EditionOptions{
		Site: "shop", Hash: sha256.Sum256([]byte("one")), Number: 1, TermMonths: 6,
		Items: []consent.Item{{ID: "all", Fields: consent.FieldsOf(fields...), RetentionDays: 90}},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret := sha256.Sum256([]byte("secret"))
	keys, err := consent.NewKeyring(consent.Key{ID: 1, Secret: secret[:]})
	if err != nil {
		t.Fatal(err)
	}
	v, err := consent.Decide(consent.Choice{Action: consent.AcceptAll}, e, consent.Decision{}, nil, noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	token, err := keys.Sign(v.Decision)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(keys, book{e}, consent.NewRevocations())
	if err != nil {
		t.Fatal(err)
	}
	pass, o := g.Open("shop", token, false, noon)
	if o != outcome.None {
		t.Fatal(o)
	}
	event, o := validate.Of(validate.Raw{Seq: 1, Name: "pageview", URL: "https://e.kz/"}, validate.Session{ID: [16]byte{1}}, noon)
	if o != outcome.None {
		t.Fatal(o)
	}
	p, o := pass.Admit(event)
	if o != outcome.None {
		t.Fatal(o)
	}
	return p
}

type book struct{ *consent.Edition }

func (b book) Holding(string, consent.EditionKey) (*consent.Edition, bool) { return b.Edition, true }

// TestFacts: nothing is derived that the decision does not license, and an
// address is not even looked up without need.
func TestFacts(t *testing.T) {
	u, err := agents.New()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	e, err := enrich.New(enrich.Options{Agents: u, Places: atlas{&asked}})
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddr("203.0.113.77")
	client := enrich.Client{Address: address, Headers: enrich.Headers{UserAgent: chrome}}
	for _, test := range []struct {
		fields  []consent.Field
		client  enrich.Client
		country string
		address netip.Addr
		lookups int
	}{
		{[]consent.Field{consent.FieldPage}, client, "", netip.Addr{}, 0},
		{[]consent.Field{consent.FieldPage, consent.FieldAddress}, client, "", address, 0},
		{[]consent.Field{consent.FieldPage, consent.FieldCountry}, client, "KZ", netip.Addr{}, 1},
		{[]consent.Field{consent.FieldPage, consent.FieldCountry, consent.FieldAddress}, client, "KZ", address, 1},
		{[]consent.Field{consent.FieldPage, consent.FieldCountry}, enrich.Client{Address: netip.MustParseAddr("192.0.2.1"), Headers: enrich.Headers{UserAgent: chrome}}, "", netip.Addr{}, 1},
		{[]consent.Field{consent.FieldPage, consent.FieldCountry, consent.FieldAddress}, enrich.Client{Headers: enrich.Headers{UserAgent: chrome}}, "", netip.Addr{}, 1},
	} {
		asked = 0
		f, o := e.Facts(permitted(t, test.fields...), test.client)
		if o != outcome.None || f.IsZero() || f.Agent().Browser != "Chrome" {
			t.Fatalf("%v: %s", test.fields, o)
		}
		if f.Place().Country != test.country || f.Address() != test.address || asked != test.lookups {
			t.Errorf("%v: country %q, an address %v, %d lookups", test.fields, f.Place().Country, f.Address().IsValid(), asked)
		}
		if text := slog.AnyValue(f).Resolve().String(); text != "[redacted]" {
			t.Errorf("facts in a log: %s", text)
		}
	}
}

func TestFactsRefuses(t *testing.T) {
	u, err := agents.New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enrich.New(enrich.Options{}); err == nil {
		t.Error("an enricher without a recogniser was made")
	}
	e, err := enrich.New(enrich.Options{Agents: u})
	if err != nil {
		t.Fatal(err)
	}
	everything := permitted(t, consent.AllFields()...)
	if f, o := e.Facts(everything, enrich.Client{Headers: enrich.Headers{UserAgent: "curl/8"}}); o != outcome.BotTool || !f.IsZero() {
		t.Errorf("a crawler: %s", o)
	}
	if f, o := e.Facts(gate.Permitted{}, enrich.Client{Headers: enrich.Headers{UserAgent: chrome}}); o != outcome.NothingGranted || !f.IsZero() {
		t.Errorf("an event that was never admitted: %s", o)
	}
	if f, o := e.Facts(everything, enrich.Client{Address: netip.MustParseAddr("203.0.113.77"), Headers: enrich.Headers{UserAgent: chrome}}); o != outcome.None || f.Place().Country != "" {
		t.Errorf("without a country database: %s, %q", o, f.Place().Country)
	}
}

// TestClientIsNeverPrinted: an address cannot leave the process by accident.
func TestClientIsNeverPrinted(t *testing.T) {
	c := enrich.Client{Address: netip.MustParseAddr("203.0.113.77"), Headers: enrich.Headers{UserAgent: "a canary"}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "client", c, "pointer", &c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "client", c, "pointer", &c)
	raw, err := json.Marshal(map[string]any{"client": c, "list": []enrich.Client{c}})
	if err != nil {
		t.Fatal(err)
	}
	text := log.String() + string(raw) + fmt.Sprintf("%v %+v %#v %s %q %v", c, c, c, c, c, &c)
	for _, secret := range []string{"203.0.113", "canary"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is printed: %s", secret, text)
		}
	}
}
