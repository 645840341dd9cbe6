package audit_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/pipeline"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/agents"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/spool"
	"kelisim/pipeline/validate"
	"kelisim/policies"
	"kelisim/storage"
	"kelisim/storage/editions"
	"kelisim/storage/erasure"
	"kelisim/storage/journal"
	"kelisim/storage/revocation"
	"kelisim/storage/storagetest"
	"kelisim/storage/writer"
)

const userAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

// world is an installation of one node with the sites shop and blog. Its clock
// begins 70 days ago and is put forward, so that it has a past.
type world struct {
	t       *testing.T
	at      time.Time
	db      *storage.DB
	sites   *policy.Catalogue
	first   *policy.Policy // of shop: the edition before the one in force
	keys    *consent.Keyring
	revoked *consent.Revocations
	spool   *spool.Spool
	journal *journal.Journal
	events  *pipeline.Pipeline
}

// newWorld makes the installation. The first edition of shop is in force until
// republish.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, at: time.Now().UTC().AddDate(0, 0, -70).Truncate(24 * time.Hour).Add(9*time.Hour + 123*time.Millisecond), db: storagetest.DB(t), revoked: consent.NewRevocations()}
	var err error
	quiet := slog.New(slog.DiscardHandler)
	if w.spool, err = spool.Open(spool.Options{Dir: t.TempDir(), Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.spool.Close() })
	if w.journal, err = journal.New(w.spool, quiet); err != nil {
		t.Fatal(err)
	}
	secret := sha256.Sum256([]byte("a secret of the tests"))
	if w.keys, err = consent.NewKeyring(consent.Key{ID: 1, Secret: secret[:]}); err != nil {
		t.Fatal(err)
	}
	w.first = shop(t)
	w.publish(w.first, edit(t, "site: demo", "site: blog", "[localhost, 127.0.0.1]", "[blog.example.com]"))
	return w
}

// shop is the policy of the site shop: the demo's, with more fields, and less
// time for advertising, which a privacy signal switches off.
func shop(t *testing.T, changes ...string) *policy.Policy {
	t.Helper()
	return edit(t, append([]string{
		"site: demo", "site: shop",
		"device, session, visitor, events, engagement]\n", "device, session, visitor, events, engagement, region, vitals]\n",
		"fields: [campaign]\n    data: [campaign, cookies]\n    retention_days: 90", "fields: [campaign]\n    data: [campaign, cookies]\n    retention_days: 75",
		"    fields: [country]", "    fields: [country, region]", "    fields: [page]", "    fields: [page, vitals]",
	}, changes...)...)
}

// edit is the demo's policy with some texts replaced by others.
func edit(t *testing.T, changes ...string) *policy.Policy {
	t.Helper()
	text := string(policies.Demo())
	for i := 0; i < len(changes); i += 2 {
		if strings.Count(text, changes[i]) != 1 {
			t.Fatalf("the demo's policy holds %d times %q", strings.Count(text, changes[i]), changes[i])
		}
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	p, problems := policy.Parse("policy.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// publish puts policies in force, archives them and builds the pipeline anew.
func (w *world) publish(now ...*policy.Policy) {
	w.t.Helper()
	known, err := editions.List(w.t.Context(), w.db.Maintenance())
	if err != nil {
		w.t.Fatal(err)
	}
	var documents [][]byte
	there := map[string]bool{}
	for _, e := range known {
		documents = append(documents, e.Document)
		there[e.Hash] = true
	}
	var problems policy.Problems
	if w.sites, problems = policy.NewCatalogue(now, documents); len(problems) > 0 {
		w.t.Fatal(problems)
	}
	for _, p := range now {
		if there[p.HashString()] {
			continue
		}
		if err := editions.Archive(w.t.Context(), w.db.Maintenance(), []editions.Edition{{
			Site: p.Site, Hash: p.HashString(), Number: p.Issue.Number, Effective: p.Issue.Date(), Document: p.Document(),
		}}); err != nil {
			w.t.Fatal(err)
		}
	}
	g, err := gate.New(w.keys, w.sites, w.revoked)
	if err != nil {
		w.t.Fatal(err)
	}
	recogniser, err := agents.New()
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := enrich.New(enrich.Options{Agents: recogniser, Places: almaty{}, Sources: paid{}})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.events, err = pipeline.New(pipeline.Options{
		Gate: g, Enricher: e, Minimise: minimise.New(minimise.Options{Networks: minimise.Most()}), Recent: batch.NewRecent(1000), Sink: w.journal, Started: w.at,
	}); err != nil {
		w.t.Fatal(err)
	}
}

// almaty is where every address lies.
type almaty struct{}

func (almaty) Place(netip.Addr) enrich.Place {
	return enrich.Place{Country: "KZ", Region: "KZ-75", City: "Almaty"}
}

// paid is where every visit comes from.
type paid struct{}

func (paid) Source(string, string) enrich.Source {
	return enrich.Source{Name: "Example Search", Channel: "paid", Click: "example"}
}

// after lets time pass.
func (w *world) after(d time.Duration) { w.at = w.at.Add(d) }

const day = 24 * time.Hour

// person is somebody with a browser.
type person struct {
	site     string
	decision consent.Decision
	edition  *consent.Edition
	token    string
	signal   bool // the browser sends a privacy signal
	address  string
	session  [16]byte
	seq      uint32
}

// meet makes somebody who decides.
func (w *world) meet(site string, c consent.Choice) *person {
	w.t.Helper()
	p := &person{site: site, address: "203.0.113.77"}
	_, _ = rand.Read(p.session[:]) // never fails
	w.decide(p, c)
	return p
}

// decide makes a choice, as the collector carries it out.
func (w *world) decide(p *person, c consent.Choice) {
	w.t.Helper()
	site, _ := w.sites.Site(p.site)
	e := site.Edition()
	v, err := consent.Decide(c, e, p.decision, p.edition, w.at, rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := consent.NewRecord(v, consent.RecordOptions{
		Choice: c, Edition: e, Lang: "kk", Channel: consent.ChannelWeb, ProofDays: site.Policy().ProofDays, Now: w.at, Random: rand.Reader,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	d := journal.Decided{Record: r, Lowest: v.Lowest, Spares: v.Spares, Lost: v.Lost}
	if err := w.journal.Decide(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
	if v.Lowest > 0 {
		w.revoked.Add(d.Revocation())
	}
	p.decision, p.edition = v.Decision, e
	if !v.State.Permits() {
		return
	}
	if p.token, err = w.keys.Sign(v.Decision); err != nil {
		w.t.Fatal(err)
	}
}

// forget asks for all that was collected to be erased.
func (w *world) forget(p *person) {
	w.t.Helper()
	if err := w.journal.Erase(w.t.Context(), journal.Erasure{Site: p.site, ID: p.decision.ID(), At: w.at}); err != nil {
		w.t.Fatal(err)
	}
}

// visit looks at two pages and sends all that a browser can send; it wants so
// many events to be accepted.
func (w *world) visit(p *person, accepted uint32) {
	w.t.Helper()
	p.seq += 3
	_, _ = rand.Read(p.session[:]) // never fails
	page := "https://www.example.com/a/b?utm_source=news&utm_medium=mail&utm_campaign=may&utm_content=top&utm_term=word"
	events := pipeline.Decoded{
		{Seq: p.seq, Name: validate.Pageview, URL: page, Referrer: "https://search.example/", Ago: 20 * time.Second},
		{Seq: p.seq, Name: validate.Engagement, Engaged: 5 * time.Second},
		{Seq: p.seq, Name: validate.Engagement, Engaged: 9 * time.Second},
		{Seq: p.seq, Name: validate.Vitals, Props: map[string]string{"lcp": "1200", "cls": "0.01"}},
		{Seq: p.seq + 1, Name: validate.Pageview, URL: "https://www.example.com/"},
		{Seq: p.seq + 2, Name: "signup", URL: page, Props: map[string]string{"plan": "free"}},
		{Seq: p.seq + 2, Name: "unknown", URL: page},
	}
	result, err := w.events.Process(w.t.Context(), pipeline.Request{
		Site: p.site, Token: p.token, Signal: p.signal, Session: validate.Session{ID: p.session, Age: time.Minute}, Events: events, Received: w.at.Add(time.Minute),
		Client: enrich.Client{Address: netip.MustParseAddr(p.address), Headers: enrich.Headers{UserAgent: userAgent}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if result.Accepted != accepted {
		w.t.Fatalf("%d events were accepted, want %d: %v", result.Accepted, accepted, result.Drops.Drops())
	}
}

// write flushes what lies in the spool and carries out what is to be erased.
func (w *world) write() {
	w.t.Helper()
	from, began := w.at, time.Now()
	now := func() time.Time { return from.Add(time.Since(began)) }
	log := slog.New(slog.NewTextHandler(w.t.Output(), nil))
	wr, err := writer.New(writer.Options{
		Spool: w.spool, Conn: w.db.Writer(), Feed: revocation.New(w.db.Writer(), w.revoked, now), Revoked: w.revoked, Node: "one",
		Logger: log, Now: now, FlushEvery: time.Millisecond, Heartbeat: time.Nanosecond,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() { // ends with cancel
		defer close(ended)
		wr.Run(ctx)
	}()
	written := func() bool {
		var mark time.Time
		if err := w.db.Maintenance().QueryRow(ctx, "SELECT max(watermark) FROM nodes").Scan(&mark); err != nil {
			w.t.Fatal(err)
		}
		return w.spool.Backlog() == 0 && mark.After(from)
	}
	for end := time.Now().Add(20 * time.Second); !written(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatal("the spool is not flushed")
		}
	}
	cancel()
	<-ended
	eraser, err := erasure.New(erasure.Options{Conn: w.db.Maintenance(), Logger: log, Now: now, Margin: time.Nanosecond, Alive: time.Nanosecond})
	if err != nil {
		w.t.Fatal(err)
	}
	for range 2 {
		if _, err := eraser.Pass(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		w.after(time.Second)
	}
}

// live is the life of the installation: every kind of choice and event, two
// editions, and what is left to be swept.
func (w *world) live() {
	all := consent.Choice{Action: consent.AcceptAll}
	some := func(gpc bool, ids ...string) consent.Choice {
		c := consent.Choice{Action: consent.Custom, Choices: map[string]bool{}, GPC: gpc}
		for _, id := range ids {
			c.Choices[id] = true
		}
		return c
	}
	const everything, nothing = 6, 0
	keeps, narrows, leaves, forgets := w.meet("shop", all), w.meet("shop", all), w.meet("shop", all), w.meet("shop", all)
	counts, widens := w.meet("shop", some(false, "analytics")), w.meet("shop", some(false, "analytics"))
	signals, insists := w.meet("shop", all), w.meet("shop", some(true, "analytics", "marketing"))
	signals.signal, insists.signal = true, true
	tagged := w.meet("shop", some(false, "marketing"))
	reads := w.meet("blog", all)
	everybody := func(left ...*person) {
		for _, p := range left {
			want := uint32(everything)
			switch p {
			case tagged:
				want = nothing
			case reads:
				want = everything - 1 // blog has no vitals
			}
			w.visit(p, want)
		}
	}
	keeps.address, counts.address, widens.address = "2001:db8:1:2::3", "2002:cb00:714d::1", "64:ff9b::203.0.113.77"
	everybody(keeps, narrows, leaves, forgets, counts, widens, signals, insists, tagged, reads)
	w.write()
	w.after(20 * day)
	w.decide(narrows, some(false, "analytics"))
	w.decide(widens, all)
	w.decide(leaves, consent.Choice{Action: consent.Withdraw})
	w.forget(forgets)
	w.write()
	second := shop(w.t, "number: 1", "number: 2", "# replaces:", "replaces:\n  hash: "+w.first.HashString()+"\n  material: false\n# replaces:")
	blog, _ := w.sites.Site("blog")
	w.publish(second, blog.Policy())
	w.after(10 * day)
	everybody(keeps, narrows, forgets, counts, widens, signals, insists, reads)
	w.visit(leaves, nothing)
	late := w.meet("shop", all)
	w.decide(narrows, all)
	everybody(narrows, late)
	w.write()
	w.after(time.Since(w.at) - time.Hour)
	everybody(keeps, narrows, counts, widens, signals, insists, late, reads)
	w.write()
	w.after(time.Since(w.at) - 10*time.Second)
	w.visit(late, everything)
	w.write()
	w.sweep()
}

// sweep removes what was past its term before the tables saw it: the past of
// this world went by in a moment.
func (w *world) sweep() {
	for _, table := range []string{"events", "addresses", "nodes"} {
		plantSQL(w.t, "ALTER TABLE "+table+" DELETE WHERE expires_at <= now() SETTINGS mutations_sync = 2")
	}
	plantSQL(w.t, "ALTER TABLE events UPDATE ip = toIPv6('::') WHERE ip_expires_at <= now() SETTINGS mutations_sync = 2")
}

// plantSQL changes the database behind everybody's back.
func plantSQL(t *testing.T, statements ...string) {
	t.Helper()
	admin := storagetest.Admin(t)
	for _, s := range statements {
		if err := admin.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
