package pipeline_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/validate"
)

// triple is one case: the world in plain words, and the parts that make it real.
type triple struct {
	world
	site    string
	sent    string // the token
	keys    *consent.Keyring
	revoked *consent.Revocations
	book    book
	raw     validate.Raw
	sends   map[string]bool // fields that are filled if they are permitted
	inside  bool            // it came from another page of the site
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

// generator makes triples and counts what it covered.
type generator struct {
	r       *rand.Rand
	covered map[string]int
	keys    *consent.Keyring
	others  *consent.Keyring // the same key id, another secret
	foreign *consent.Keyring // another key id
	secret  []byte
}

func newGenerator(seed, shard uint64) *generator {
	g := &generator{r: rand.New(rand.NewPCG(seed, shard)), covered: map[string]int{}, secret: make([]byte, 32)}
	binary.LittleEndian.PutUint64(g.secret, g.r.Uint64())
	ring := func(id uint32, secret []byte) *consent.Keyring {
		k, err := consent.NewKeyring(consent.Key{ID: id, Secret: secret})
		if err != nil {
			panic(err)
		}
		return k
	}
	g.keys, g.others, g.foreign = ring(1, g.secret), ring(1, make([]byte, 32)), ring(2, g.secret)
	return g
}

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

// next makes a triple. Most of what can be wrong is wrong with a few of a
// hundred, so that each shows up alone and together with others.
func (g *generator) next() triple {
	c := triple{site: "shop", keys: g.keys, revoked: consent.NewRevocations()}
	c.signalled, c.signal = g.chance(25), g.chance(25)
	edition := g.policy(&c)
	c.superseded = g.chance(4)
	c.book = book{edition: edition, holds: !c.superseded}
	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(g.r.Int64N(int64(365 * 24 * time.Hour))))
	d := g.decision(&c, edition, issued)
	g.tokenOf(&c, d)
	if c.foreign = g.chance(4); c.foreign {
		c.site = "other"
	}
	g.times(&c, d)
	g.event(&c)
	c.bot = g.chance(4)
	g.count(c)
	return c
}

// policy makes one to four purposes, each licensing a random set of fields, and
// sometimes another consent item.
func (g *generator) policy(c *triple) *consent.Edition {
	var items []consent.Item
	for i := range 1 + g.r.IntN(4) {
		p := purpose{id: fmt.Sprintf("p%d", i), days: 1 + g.r.Int64N(400), gpc: g.chance(30)}
		p.addressDays = 1 + g.r.Int64N(p.days)
		var fields consent.Fields
		share := 20 + g.r.IntN(80)
		if g.chance(5) {
			share = 0
		}
		for _, f := range consent.AllFields() {
			if g.chance(share) {
				fields = fields.With(f)
				p.fields = append(p.fields, f.String())
			}
		}
		c.purposes = append(c.purposes, p)
		items = append(items, consent.Item{
			ID: p.id, Fields: fields, RetentionDays: int(p.days), AddressDays: int(p.addressDays), GPC: p.gpc,
		})
	}
	if g.chance(30) {
		third := purpose{id: "third", gpc: g.chance(50)}
		c.purposes = append(c.purposes, third)
		items = append(items, consent.Item{ID: third.id, Kind: consent.KindThirdParty, GPC: third.gpc})
	}
	var hash [32]byte
	binary.LittleEndian.PutUint64(hash[:], g.r.Uint64())
	edition, err := consent.NewEdition(consent.EditionOptions{
		Site: "shop", Hash: hash, Number: 1, Items: items,
		TermMonths: 1 + g.r.IntN(12), Events: map[string][]string{"signup": {"plan"}},
	})
	if err != nil {
		panic(err)
	}
	return edition
}

// decision grants a random set of items; sometimes a newer decision stands in its
// way, and the event still comes with the older token.
func (g *generator) decision(c *triple, e *consent.Edition, issued time.Time) consent.Decision {
	c.granted = map[string]bool{}
	for _, it := range e.Items() {
		c.granted[it.ID] = g.chance(60)
	}
	c.granted[e.Items()[g.r.IntN(len(e.Items()))].ID] = true
	first := g.decide(consent.Choice{Action: consent.Custom, Choices: c.granted, GPC: c.signalled}, e, consent.Decision{}, issued)
	if !g.chance(12) {
		return first.Decision
	}
	later := consent.Choice{Action: consent.Withdraw}
	switch g.r.IntN(3) {
	case 0:
		later = consent.Choice{Action: consent.Custom, Choices: map[string]bool{e.Items()[0].ID: true}}
	case 1:
		later = consent.Choice{Action: consent.AcceptAll}
	}
	second := g.decide(later, e, first.Decision, issued.Add(time.Second))
	switch {
	case second.State == consent.StateWithdrawn:
		c.world.revoked = "withdrawn"
	case second.Spares:
		c.world.revoked = "changed"
	default:
		c.world.revoked = "narrowed"
	}
	c.revoked.Add(consent.Revocation{
		Site: "shop", ID: first.Decision.ID(), Lowest: second.Lowest, Expires: first.Decision.Expires(), Spares: second.Spares,
	})
	return first.Decision
}

func (g *generator) decide(choice consent.Choice, e *consent.Edition, previous consent.Decision, at time.Time) consent.Verdict {
	v, err := consent.Decide(choice, e, previous, e, at, chaos{g.r})
	if err != nil {
		panic(err)
	}
	return v
}

// tokenOf signs the decision, or does to the token what somebody else might.
func (g *generator) tokenOf(c *triple, d consent.Decision) {
	sign := func(k *consent.Keyring) string {
		t, err := k.Sign(d)
		if err != nil {
			panic(err)
		}
		return t
	}
	c.token, c.sent = "ours", sign(g.keys)
	switch g.r.IntN(100) {
	case 0, 1:
		c.token, c.sent = "no_token", ""
	case 2, 3:
		c.token, c.sent = "forged", sign(g.others)
	case 4:
		c.token, c.sent = "forged", g.changed(c.sent)
	case 5, 6:
		c.token, c.sent = "foreign_key", sign(g.foreign)
	case 7:
		c.token, c.sent = "garbled", c.sent[:g.r.IntN(90)+1]
	case 8:
		c.token, c.sent = "garbled", c.sent+strings.Repeat("A", 100+4*g.r.IntN(200))
	case 9:
		at := g.r.IntN(len(c.sent))
		c.token, c.sent = "garbled", c.sent[:at]+string("\n =!.+/"[g.r.IntN(7)])+c.sent[at:]
	case 10:
		c.token, c.sent = "garbled", g.craft(func(b []byte) { clear(b[21:25]) }, c.sent) // nobody's number
	case 11:
		c.token, c.sent = "garbled", g.craft(func(b []byte) { b[0] = 9 }, c.sent) // of a later version
	case 12, 13:
		c.endless = true
		c.sent = g.craft(func(b []byte) {
			binary.BigEndian.PutUint32(b[42:], uint32(d.Issued().AddDate(1, 0, 3+g.r.IntN(4000)).Unix()))
		}, c.sent)
	}
}

// changed flips one bit of what is signed.
func (g *generator) changed(token string) string {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		panic(err)
	}
	raw[5+g.r.IntN(len(raw)-5)] ^= 1 << g.r.IntN(8)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// craft changes a token and signs it again with the right key, as nobody can who
// does not have it.
func (g *generator) craft(change func([]byte), token string) string {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		panic(err)
	}
	body := raw[:len(raw)-sha256.Size]
	change(body)
	mac := hmac.New(sha256.New, g.secret)
	mac.Write(body)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(body))
}

// times places the call at, before and after the life of the decision.
func (g *generator) times(c *triple, d consent.Decision) {
	expires := d.Expires()
	if c.endless {
		expires = d.Issued().AddDate(20, 0, 0)
	}
	received := d.Issued().Add(time.Duration(g.r.Int64N(int64(d.Expires().Sub(d.Issued())))))
	switch {
	case g.chance(5):
		received = d.Expires().Add(time.Duration(g.r.Int64N(int64(40 * 24 * time.Hour))))
	case g.chance(5):
		received = d.Issued().Add(-time.Duration(g.r.Int64N(int64(40 * 24 * time.Hour))))
	case g.chance(3):
		received = d.Expires()
	}
	received = received.Truncate(time.Millisecond)
	ago := time.Duration(0)
	if g.chance(30) {
		ago = time.Duration(g.r.Int64N(int64(30 * time.Hour))).Truncate(time.Millisecond)
	}
	c.raw.Ago = ago
	c.issued, c.expires = d.Issued().UnixMilli(), expires.UnixMilli()
	c.received, c.happened = received.UnixMilli(), received.Add(-min(ago, 24*time.Hour)).UnixMilli()
}

// event makes an event of one of the four kinds.
func (g *generator) event(c *triple) {
	c.raw.Seq, c.declared = 1+g.r.Uint32N(1000), true
	const url = "https://shop.example.com/page?utm_source=letter&secret=1#part"
	everywhere := []string{"session", "visitor", "address"}
	visit := append([]string{"browser", "os", "device", "country", "region", "city", "page", "campaign"}, everywhere...)
	switch g.r.IntN(6) {
	case 0, 1:
		c.kind, c.raw.Name, c.raw.URL, c.raw.Props = "custom", "signup", url, map[string]string{"plan": "free"}
		switch {
		case g.chance(10):
			c.declared, c.raw.Name = false, "undeclared"
			if g.chance(50) {
				c.raw.Props = nil
			}
		case g.chance(10):
			c.declared, c.raw.Props = false, map[string]string{"plan": "free", "phone": "1"}
		}
		visit = append(visit, "events")
	case 2:
		c.kind, c.raw.Name, c.raw.Engaged = "engagement", "engagement", time.Minute
		visit = append(everywhere, "engagement")
	case 3:
		c.kind, c.raw.Name, c.raw.Props = "vitals", "vitals", map[string]string{"lcp": "1200"}
		visit = append(everywhere, "vitals")
	default:
		c.kind, c.raw.Name, c.raw.URL, c.raw.Referrer = "pageview", "pageview", url, "https://search.example/"
		visit = append(visit, "referrer")
		if c.inside = g.chance(20); c.inside {
			c.raw.Referrer = "https://shop.example.com/before"
		}
	}
	c.sends = map[string]bool{}
	for _, f := range visit {
		c.sends[f] = true
	}
}

func (g *generator) count(c triple) {
	g.covered[c.kind]++
	purposes := 0
	subset := 0
	for _, p := range c.purposes {
		if p.id == "third" {
			continue
		}
		if c.granted[p.id] {
			subset |= 1 << purposes
		}
		purposes++
	}
	if purposes == 3 {
		g.covered[fmt.Sprintf("purposes %03b of 3", subset)]++
	}
}

type chaos struct{ r *rand.Rand }

func (s chaos) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
	return len(b), nil
}
