// Package person makes people for tests of what stands behind the spool: they
// decide and visit through the real pipeline into a real spool. Each purpose of
// their site licenses one field alone, so that a test can narrow a choice by
// exactly what it wants.
package person

import (
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/pipeline"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/agents"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
	"kelisim/pipeline/validate"
	"kelisim/storage/journal"
)

// SiteID is the site that the people visit.
const SiteID = "shop"

// UserAgent is that of everybody's browser.
const UserAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

// Days that a row and the network of its address are kept.
const (
	RetentionDays = 90
	AddressDays   = 30
)

// Site is one node's view of the site: its spool, and all that stands before it.
type Site struct {
	Dir     string
	Spool   *spool.Spool
	Journal *journal.Journal
	Revoked *consent.Revocations
	Now     func() time.Time

	edition  *consent.Edition
	keys     *consent.Keyring
	pipeline *pipeline.Pipeline
}

// NewSite opens a site on a folder. Sites of one test are nodes of one
// installation, and a site on a folder that was closed is that node, restarted.
func NewSite(t testing.TB, dir string, now func() time.Time) *Site {
	t.Helper()
	s := &Site{Dir: dir, Revoked: consent.NewRevocations(), Now: now}
	var err error
	if s.Spool, err = spool.Open(spool.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if s.Journal, err = journal.New(s.Spool, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if err := journal.Revoked(t.Context(), s.Spool, s.Revoked.Add); err != nil {
		t.Fatal(err)
	}
	secret := sha256.Sum256([]byte("a secret of the tests"))
	if s.keys, err = consent.NewKeyring(consent.Key{ID: 1, Secret: secret[:]}); err != nil {
		t.Fatal(err)
	}
	if s.edition, err = edition(); err != nil {
		t.Fatal(err)
	}
	if s.pipeline, err = s.build(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Close closes the spool, as the end of a process does.
func (s *Site) Close() { _ = s.Spool.Close() }

func edition() (*consent.Edition, error) {
	o := consent.EditionOptions{
		Site: SiteID, Hash: sha256.Sum256([]byte("edition one")), Number: 1, TermMonths: 12,
		Events: map[string][]string{"signup": {"plan"}},
	}
	for _, f := range consent.AllFields() {
		o.Items = append(o.Items, consent.Item{
			ID: f.String(), Fields: consent.FieldsOf(f), RetentionDays: RetentionDays, AddressDays: AddressDays,
		})
	}
	return consent.NewEdition(o)
}

func (s *Site) build() (*pipeline.Pipeline, error) {
	g, err := gate.New(s.keys, book{s.edition}, s.Revoked)
	if err != nil {
		return nil, err
	}
	recogniser, err := agents.New()
	if err != nil {
		return nil, err
	}
	e, err := enrich.New(enrich.Options{Agents: recogniser, Places: almaty{}, Sources: search{}})
	if err != nil {
		return nil, err
	}
	return pipeline.New(pipeline.Options{
		Gate: g, Enricher: e, Minimise: minimise.New(minimise.Options{Networks: minimise.Most()}), Recent: batch.NewRecent(1000), Sink: s.Journal, Started: s.Now(),
	})
}

// book holds the one edition.
type book struct{ edition *consent.Edition }

func (b book) Holding(site string, key consent.EditionKey) (*consent.Edition, bool) {
	return b.edition, site == SiteID && key == b.edition.Key()
}

// almaty is where every address lies.
type almaty struct{}

func (almaty) Place(netip.Addr) enrich.Place {
	return enrich.Place{Country: "KZ", Region: "KZ-75", City: "Almaty"}
}

// search is where every visit comes from.
type search struct{}

func (search) Source(string, string) enrich.Source {
	return enrich.Source{Name: "Example Search", Channel: "search", Click: "example"}
}

// Person is somebody with a browser.
type Person struct {
	Decision consent.Decision // the live one; zero before the first and after a withdrawal
	Session  validate.Session

	token string
	began time.Time
	seq   uint32
}

// Accept makes somebody who accepts everything.
func (s *Site) Accept(t testing.TB) *Person {
	t.Helper()
	p := &Person{}
	s.Decide(t, p, consent.Choice{Action: consent.AcceptAll})
	_, _ = rand.Read(p.Session.ID[:]) // never fails
	p.began = s.Now()
	return p
}

// Narrow takes fields back from somebody who had accepted everything.
func (s *Site) Narrow(t testing.TB, p *Person, lost ...consent.Field) {
	t.Helper()
	choices := map[string]bool{}
	for _, f := range consent.AllFields() {
		choices[f.String()] = true
	}
	for _, f := range lost {
		choices[f.String()] = false
	}
	s.Decide(t, p, consent.Choice{Action: consent.Custom, Choices: choices})
}

// Withdraw takes everything back.
func (s *Site) Withdraw(t testing.TB, p *Person) {
	t.Helper()
	s.Decide(t, p, consent.Choice{Action: consent.Withdraw})
}

// Decide makes any other choice.
func (s *Site) Decide(t testing.TB, p *Person, c consent.Choice) {
	t.Helper()
	now := s.Now()
	v, err := consent.Decide(c, s.edition, p.Decision, s.edition, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := consent.NewRecord(v, consent.RecordOptions{
		Choice: c, Edition: s.edition, Lang: "kk", Channel: consent.ChannelWeb, ProofDays: 1095, Now: now, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	d := journal.Decided{Record: r, Lowest: v.Lowest, Lost: v.Lost}
	if err := s.Journal.Decide(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if v.Lowest > 0 {
		s.Revoked.Add(d.Revocation())
	}
	if p.Decision = v.Decision; !v.State.Permits() {
		return // the old token stays in the browser, to show that it is dead
	}
	if p.token, err = s.keys.Sign(v.Decision); err != nil {
		t.Fatal(err)
	}
}

// Demand asks for everything so far to be erased.
func (s *Site) Demand(t testing.TB, p *Person) journal.Erasure {
	t.Helper()
	e := journal.Erasure{Site: SiteID, ID: p.Decision.ID(), At: s.Now()}
	if err := s.Journal.Erase(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return e
}

// View makes the event of a page view.
func (p *Person) View(path string) validate.Raw {
	p.seq++
	return validate.Raw{
		Seq: p.seq, Name: validate.Pageview, URL: "https://www.example.com" + path + "?utm_source=news",
		Referrer: "https://search.example/",
	}
}

// Signup makes a declared event.
func (p *Person) Signup() validate.Raw {
	p.seq++
	return validate.Raw{Seq: p.seq, Name: "signup", URL: "https://www.example.com/join", Props: map[string]string{"plan": "free"}}
}

// Engaged makes the engaged time of a page view.
func (p *Person) Engaged(page validate.Raw, d time.Duration) validate.Raw {
	return validate.Raw{Seq: page.Seq, Name: validate.Engagement, Engaged: d}
}

// Send sends events of a person.
func (s *Site) Send(t testing.TB, p *Person, events ...validate.Raw) pipeline.Result {
	t.Helper()
	now := s.Now()
	session := p.Session
	session.Age = now.Sub(p.began)
	result, err := s.pipeline.Process(t.Context(), pipeline.Request{
		Site: SiteID, Token: p.token, Session: session, Events: pipeline.Decoded(events), Received: now,
		Client: enrich.Client{Address: netip.MustParseAddr("203.0.113.77"), Headers: enrich.Headers{UserAgent: UserAgent}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Visit sends events that must all be accepted.
func (s *Site) Visit(t testing.TB, p *Person, events ...validate.Raw) {
	t.Helper()
	if r := s.Send(t, p, events...); r.Accepted != uint32(len(events)) || r.Drops != (outcome.Tally{}) {
		t.Fatalf("%d of %d events were accepted: %v", r.Accepted, len(events), r.Drops.Drops())
	}
}
