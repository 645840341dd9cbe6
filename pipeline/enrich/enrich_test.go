package enrich_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/consent"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

func TestRecognise(t *testing.T) {
	u, err := enrich.NewUserAgents()
	if err != nil {
		t.Fatal(err)
	}
	type agent = enrich.Agent
	for _, test := range []struct {
		userAgent string
		want      agent
	}{
		{chrome, agent{"Chrome", "130", "Windows", "desktop", outcome.None}},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0", agent{"Firefox", "132", "Windows", "desktop", outcome.None}},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", agent{"Safari", "18", "macOS", "desktop", outcome.None}},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", agent{"Safari", "18", "iOS", "mobile", outcome.None}},
		{"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1", agent{"Safari", "12", "iOS", "tablet", outcome.None}},
		{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36", agent{"Chrome", "130", "Android", "mobile", outcome.None}},
		{"Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36", agent{"Chrome", "130", "Android", "tablet", outcome.None}},
		{"Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36", agent{"Chrome", "130", "Android", "mobile", outcome.None}},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36", agent{"Chrome", "130", "ChromeOS", "desktop", outcome.None}},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", agent{"Edge", "130", "Linux", "desktop", outcome.None}},
		{"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", agent{"Internet Explorer", "11", "Windows", "desktop", outcome.None}},

		{"", agent{Bot: outcome.BotCrawler}},
		{"-", agent{Bot: outcome.BotCrawler}},
		{"curl/8.5.0", agent{Bot: outcome.BotCrawler}},
		{"Go-http-client/2.0", agent{Bot: outcome.BotCrawler}},
		{"python-requests/2.32", agent{Bot: outcome.BotCrawler}},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", agent{Bot: outcome.BotCrawler}},
		{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/130.0.0.0 Safari/537.36", agent{Bot: outcome.BotCrawler}},
		{"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", agent{Bot: outcome.BotCrawler}},
		{"Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", agent{Bot: outcome.BotCrawler}},
		{"Mozilla/5.0 (compatible; Ezooms/1.0; help@moz.com)", agent{Bot: outcome.BotCrawler}},
		{"FeedBurner/1.0 (http://www.FeedBurner.com)", agent{Bot: outcome.BotCrawler}},
		{strings.Repeat("x", 1<<16) + chrome, agent{Bot: outcome.BotCrawler}},
	} {
		for range 2 { // the second answer comes from the cache
			got := u.Recognise(enrich.Headers{UserAgent: test.userAgent})
			if test.want.Bot != outcome.None && got.Bot.Reason() == outcome.ReasonBot {
				continue
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("%.120s\n%s", test.userAgent, d)
			}
		}
	}
}

// TestRecogniseKeepsNoFreeText: whatever a visitor makes up as the name of a
// browser, it is not kept.
func TestRecogniseKeepsNoFreeText(t *testing.T) {
	u, err := enrich.NewUserAgents()
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{
		"Mozilla/5.0 (Windows NT 10.0) Personal/77077777777", "Mozilla/5.0 (canary) canary/1.0 Gecko/canary canary/99999999",
		"Mozilla/5.0 (X11; canary x86_64) AppleWebKit/537.36 (KHTML, like Gecko) canary/7 Safari/canary",
		"Opera/canary (canary; canary) canary/canary Version/canary", "Mozilla/5.0 (canary) Gecko/20100101 Firefox/canary",
	} {
		a := u.Recognise(enrich.Headers{UserAgent: made})
		if text := strings.ToLower(fmt.Sprint(a)); strings.Contains(text, "canary") || strings.Contains(text, "77077") || strings.Contains(text, "personal") || len(a.Version) > 4 {
			t.Errorf("%s is kept as %+v", made, a)
		}
	}
}

func TestRecogniseFromManyGoroutines(t *testing.T) {
	u, err := enrich.NewUserAgents()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				ua := strings.Replace(chrome, "130", fmt.Sprint(100+(i*g)%60), 1)
				if a := u.Recognise(enrich.Headers{UserAgent: ua}); a.Browser != "Chrome" || a.Version != fmt.Sprint(100+(i*g)%60) {
					t.Errorf("%s is %+v", ua, a)
					return
				}
			}
		})
	}
	wg.Wait()
}

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
	u, err := enrich.NewUserAgents()
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
	u, err := enrich.NewUserAgents()
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
