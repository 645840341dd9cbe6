package pipeline_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/pipeline"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

// triples is how many random (policy, decision, event) triples are tried.
const triples = 100_000

// chrome is a User-Agent of a browser, so that no case ends as a bot.
const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

// TestNoForbiddenField is law 1: whatever the policy, the decision and the event,
// no stored field is one that the reference model forbids.
func TestNoForbiddenField(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := generator{r: rand.New(rand.NewPCG(seed, 1)), covered: map[string]int{}}
	rows := 0
	for i := range triples {
		c := g.next()
		got, result := c.run(t)
		want := allowed(c.world)
		if total := result.Accepted + result.Drops.Total(); total != 1 {
			t.Fatalf("triple %d: %d outcomes for one event", i, total)
		}
		switch {
		case want == nil && len(got) > 0:
			t.Fatalf("triple %d: stored although the model forbids it: %+v", i, c.world)
		case want != nil && len(got) == 0:
			t.Fatalf("triple %d: dropped as %v although the model allows it: %+v", i, result.Drops.Drops(), c.world)
		case want == nil:
			continue
		}
		rows++
		for field, filled := range stored(got[0]) {
			if filled && !want[field] {
				t.Fatalf("triple %d: field %s is stored and the model forbids it: %+v", i, field, c.world)
			}
			if !filled && want[field] && c.sends[field] {
				t.Fatalf("triple %d: field %s is permitted, was sent, and is not stored: %+v", i, field, c.world)
			}
		}
	}
	g.report(t, rows)
}

// stored says which licensed fields of a row hold anything.
func stored(v minimise.Values) map[string]bool {
	return map[string]bool{
		"page": v.Path != "", "referrer": v.Referrer != "", "campaign": v.UTMSource+v.UTMMedium+v.UTMCampaign != "",
		"country": v.Country != "", "address": v.Network.IsValid(), "browser": v.Browser+v.BrowserVersion != "",
		"os": v.OS != "", "device": v.Device != "", "session": v.Session != [16]byte{}, "visitor": v.Visitor,
		"region": v.Region != "", "city": v.City != "", "vitals": v.Name == "vitals", "events": v.Name != "vitals" && len(v.Props) > 0, "engagement": v.Engaged != 0,
	}
}

// triple is one case: the world in plain words, and the parts that make it real.
type triple struct {
	world
	site    string
	token   string
	keys    *consent.Keyring
	revoked *consent.Revocations
	book    book
	raw     validate.Raw
	sends   map[string]bool
}

// book holds the one edition of a triple.
type book struct {
	edition *consent.Edition
	holds   bool
}

func (b book) Holding(_ string, key consent.EditionKey) (*consent.Edition, bool) {
	if !b.holds || key != b.edition.Key() {
		return nil, false
	}
	return b.edition, true
}

type memory struct{ rows []minimise.Values }

func (m *memory) Append(ctx context.Context, _ string, _ time.Time, b batch.Batch, _ outcome.Tally) error {
	for _, r := range b.Rows() {
		m.rows = append(m.rows, r.Values())
	}
	return ctx.Err()
}

type everywhere struct{}

func (everywhere) Place(netip.Addr) enrich.Place {
	return enrich.Place{Country: "KZ", Region: "KZ-75", City: "Almaty"}
}

type search struct{}

func (search) Source(string, string) enrich.Source {
	return enrich.Source{Name: "Example Search", Channel: "search", Click: "example"}
}

func (c triple) run(t *testing.T) ([]minimise.Values, pipeline.Result) {
	t.Helper()
	g, err := gate.New(c.keys, c.book, c.revoked)
	if err != nil {
		t.Fatal(err)
	}
	e, err := enrich.New(enrich.Options{Agents: agent{}, Places: everywhere{}, Sources: search{}})
	if err != nil {
		t.Fatal(err)
	}
	sink := &memory{}
	p, err := pipeline.New(pipeline.Options{Gate: g, Enricher: e, Minimise: minimise.New(minimise.Options{}), Recent: batch.NewRecent(8), Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	received := time.UnixMilli(c.received).UTC()
	result, err := p.Process(t.Context(), pipeline.Request{
		Site: c.site, Token: c.token, Received: received, Events: []validate.Raw{c.raw},
		Session: validate.Session{ID: [16]byte{1, 2, 3}, Age: time.Minute},
		Client:  enrich.Client{Address: netip.MustParseAddr("203.0.113.77"), Headers: enrich.Headers{UserAgent: chrome}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return sink.rows, result
}

type agent struct{}

func (agent) Recognise(enrich.Headers) enrich.Agent {
	return enrich.Agent{Browser: "Chrome", Version: "130", OS: "Windows", Device: "desktop"}
}

// generator makes triples and counts what it covered.
type generator struct {
	r       *rand.Rand
	covered map[string]int
}

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *generator) next() triple {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], g.r.Uint64())
	keys, _ := consent.NewKeyring(consent.Key{ID: 1, Secret: seed[:]})
	others, _ := consent.NewKeyring(consent.Key{ID: 1, Secret: make([]byte, 32)})
	c := triple{site: "shop", keys: keys, revoked: consent.NewRevocations()}
	items := g.policy(&c)
	edition, err := consent.NewEdition(consent.EditionOptions{
		Site: "shop", Hash: sha256.Sum256(seed[:]), Number: 1, Items: items,
		TermMonths: 1 + g.r.IntN(12), Events: map[string][]string{"signup": {"plan"}},
	})
	if err != nil {
		panic(err)
	}
	c.superseded = g.chance(5)
	c.book = book{edition: edition, holds: !c.superseded}

	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(g.r.Int64N(int64(365 * 24 * time.Hour))))
	d := g.decision(&c, edition, issued)
	signer := keys
	if c.forged = g.chance(5); c.forged {
		signer = others
	}
	if c.token, err = signer.Sign(d); err != nil {
		panic(err)
	}
	if c.foreign = g.chance(5); c.foreign {
		c.site = "other"
	}
	g.times(&c, d)
	g.event(&c)
	g.count(c)
	return c
}

// policy makes one to four purposes, each licensing a random set of fields, and
// sometimes another consent item.
func (g *generator) policy(c *triple) []consent.Item {
	var items []consent.Item
	for i := range 1 + g.r.IntN(4) {
		p := purpose{id: fmt.Sprintf("p%d", i), days: 1 + g.r.Int64N(400)}
		var fields consent.Fields
		share := 20 + g.r.IntN(80)
		for _, f := range consent.AllFields() {
			if g.chance(share) {
				fields = fields.With(f)
				p.fields = append(p.fields, f.String())
			}
		}
		c.purposes = append(c.purposes, p)
		items = append(items, consent.Item{
			ID: p.id, Fields: fields, RetentionDays: int(p.days), AddressDays: int(p.days), GPC: g.chance(30),
		})
	}
	if g.chance(30) {
		items = append(items, consent.Item{ID: "third", Kind: consent.KindThirdParty})
	}
	return items
}

// decision grants a random set of items; sometimes it is withdrawn or narrowed
// afterwards, and the event still comes with the older token.
func (g *generator) decision(c *triple, e *consent.Edition, issued time.Time) consent.Decision {
	choices := map[string]bool{}
	for _, it := range e.Items() {
		choices[it.ID] = g.chance(60)
	}
	choices[e.Items()[g.r.IntN(len(e.Items()))].ID] = true
	v, err := consent.Decide(consent.Choice{Action: consent.Custom, Choices: choices, GPC: g.chance(20)}, e, consent.Decision{}, nil, issued, source{g.r})
	if err != nil {
		panic(err)
	}
	c.granted = choices
	first := v.Decision
	if g.chance(12) {
		later := consent.Choice{Action: consent.Withdraw}
		name := "withdrawn"
		if g.chance(50) {
			name, later = "narrowed", consent.Choice{Action: consent.Custom, Choices: map[string]bool{e.Items()[0].ID: true}}
		}
		g.covered[name]++
		second, err := consent.Decide(later, e, first, e, issued.Add(time.Second), source{g.r})
		if err != nil {
			panic(err)
		}
		c.world.revoked = true
		c.revoked.Add(consent.Revocation{ID: first.ID(), Lowest: second.Lowest, Expires: first.Expires()})
	}
	return first
}

// times places the call at, before and after the life of the decision.
func (g *generator) times(c *triple, d consent.Decision) {
	received := d.Issued().Add(time.Duration(g.r.Int64N(int64(d.Expires().Sub(d.Issued())))))
	switch {
	case g.chance(6):
		received = d.Expires().Add(time.Duration(g.r.Int64N(int64(40 * 24 * time.Hour))))
	case g.chance(6):
		received = d.Issued().Add(-time.Duration(g.r.Int64N(int64(40 * 24 * time.Hour))))
	case g.chance(6):
		received = d.Expires()
	}
	received = received.Truncate(time.Millisecond)
	ago := time.Duration(0)
	if g.chance(30) {
		ago = time.Duration(g.r.Int64N(int64(30 * time.Hour))).Truncate(time.Millisecond)
	}
	c.raw.Ago = ago
	c.issued, c.expires = d.Issued().UnixMilli(), d.Expires().UnixMilli()
	c.received, c.happened = received.UnixMilli(), received.Add(-min(ago, 24*time.Hour)).UnixMilli()
}

func (g *generator) event(c *triple) {
	c.raw.Seq = 1 + g.r.Uint32N(1000)
	const url = "https://shop.example.com/page?utm_source=letter&secret=1#part"
	always := []string{"browser", "os", "device", "country", "region", "city", "session", "visitor", "address"}
	switch g.r.IntN(4) {
	case 0:
		c.kind, c.declared = "custom", g.chance(70)
		c.raw.Name, c.raw.URL, c.raw.Props = "signup", url, map[string]string{"plan": "free"}
		if !c.declared {
			c.raw.Name = "undeclared"
		}
		always = append(always, "page", "campaign", "events")
	case 1:
		c.kind, c.raw.Name, c.raw.Engaged = "engagement", "engagement", time.Minute
		always = []string{"session", "visitor", "engagement", "address"}
	default:
		c.kind, c.raw.Name, c.raw.URL, c.raw.Referrer = "pageview", "pageview", url, "https://search.example/"
		always = append(always, "page", "campaign", "referrer")
	}
	c.sends = map[string]bool{}
	for _, f := range always {
		c.sends[f] = true
	}
}

func (g *generator) count(c triple) {
	for name, is := range map[string]bool{
		"expired": c.received >= c.expires, "future": c.issued > c.received+120_000, "wrong site": c.foreign,
		"forged": c.forged, "superseded": c.superseded, "before the decision": c.happened < c.issued,
		"pageview": c.kind == "pageview", "custom": c.kind == "custom", "engagement": c.kind == "engagement",
	} {
		if is {
			g.covered[name]++
		}
	}
	if len(c.purposes) == 3 {
		subset := 0
		for i, p := range c.purposes {
			if c.granted[p.id] {
				subset |= 1 << i
			}
		}
		g.covered[fmt.Sprintf("purposes %03b of 3", subset)]++
	}
}

// report prints what was covered and fails for what was not.
func (g *generator) report(t *testing.T, rows int) {
	t.Helper()
	names := []string{
		"expired", "future", "withdrawn", "narrowed", "wrong site", "forged", "superseded",
		"before the decision", "pageview", "custom", "engagement",
	}
	for subset := range 8 {
		names = append(names, fmt.Sprintf("purposes %03b of 3", subset))
	}
	t.Logf("%d triples, %d rows", triples, rows)
	for _, name := range names {
		t.Logf("%-22s %d", name, g.covered[name])
		if g.covered[name] == 0 {
			t.Errorf("the generator never made: %s", name)
		}
	}
	if rows < triples/20 {
		t.Errorf("only %d of %d triples led to a row: the generator tests refusals alone", rows, triples)
	}
}

type source struct{ r *rand.Rand }

func (s source) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
	return len(b), nil
}

// TestModelStandsAlone keeps the reference model small and independent.
func TestModelStandsAlone(t *testing.T) {
	const name = "model_test.go"
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Imports) != 0 {
		t.Errorf("the model imports %s; it must stand alone", f.Imports[0].Path.Value)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := 0
	for s := bufio.NewScanner(file); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "//") {
			lines++
		}
	}
	if lines > 40 {
		t.Errorf("the model has %d lines of code, at most 40 are allowed", lines)
	}
}
