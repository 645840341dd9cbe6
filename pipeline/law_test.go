package pipeline_test

import (
	"bufio"
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kelisim/pipeline"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

// chrome is a User-Agent of a browser; a bot has none.
const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

// TestNoForbiddenField is law 1: whatever the policy, the decision and the event,
// no stage passes on and no row holds a field that the reference model forbids,
// none outlives what the model says, and what is dropped is dropped for the
// model's reason.
func TestNoForbiddenField(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	n := triples
	if testing.Short() { // as the mutants run it
		n = triples / 20
	}
	shards := runtime.GOMAXPROCS(0)
	covered, rows := make([]map[string]int, shards), make([]int, shards)
	var wg sync.WaitGroup
	for shard := range shards {
		wg.Go(func() { covered[shard], rows[shard] = law(t, seed, uint64(shard), n/shards) })
	}
	wg.Wait()
	if t.Failed() || testing.Short() {
		return
	}
	all, stored := map[string]int{}, 0
	for i, some := range covered {
		stored += rows[i]
		for what, n := range some {
			all[what] += n
		}
	}
	report(t, all, stored)
}

// law tries triples until one breaks the law.
func law(t *testing.T, seed, shard uint64, n int) (covered map[string]int, rows int) {
	g := newGenerator(seed, shard)
	stages, err := newStages()
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	for i := range n {
		if i%64 == 0 && t.Failed() {
			break
		}
		c := g.next()
		fields, end, addressEnd, why := allowed(c.world)
		row, got, fault := stages.run(c)
		g.covered["dropped as "+got.Detail()]++
		switch {
		case fault != "":
		case got.Detail() != why:
			fault = fmt.Sprintf("the outcome is %q, the model says %q", got.Detail(), why)
		case why == "":
			rows++
			fault = compare(c, row, fields, end, addressEnd)
		}
		if fault != "" {
			t.Errorf("shard %d, triple %d: %s: %+v", shard, i, fault, c.world)
			break
		}
	}
	return g.covered, rows
}

// compare holds a row against the model.
func compare(c triple, v minimise.Values, fields map[string]bool, end, addressEnd int64) string {
	for field, filled := range stored(v) {
		switch {
		case filled && !fields[field]:
			return "stored although it is forbidden: " + field
		case filled && !c.sends[field]:
			return "stored although it was not sent: " + field
		case !filled && fields[field] && c.sends[field]:
			return "permitted and sent, and not stored: " + field
		}
	}
	switch {
	case v.Expires.UnixMilli() != end:
		return "the row ends at " + v.Expires.String()
	case v.Network.IsValid() && v.NetworkExpires.UnixMilli() != addressEnd:
		return "the network ends at " + v.NetworkExpires.String()
	case c.inside && v.Referrer != "":
		return "the site itself is stored as a referrer"
	case strings.Contains(fmt.Sprint(v), "secret"):
		return "the query is stored"
	}
	return ""
}

// stored says which licensed fields of a row hold anything.
func stored(v minimise.Values) map[string]bool {
	return map[string]bool{
		"page": v.Path != "", "referrer": v.Referrer+v.Source+v.Channel != "",
		"campaign": v.UTMSource+v.UTMMedium+v.UTMCampaign+v.UTMContent+v.UTMTerm+v.Click != "",
		"country":  v.Country != "", "region": v.Region != "", "city": v.City != "", "address": v.Network.IsValid(),
		"browser": v.Browser+v.BrowserVersion != "", "os": v.OS != "", "device": v.Device != "",
		"session": v.Session != [16]byte{}, "visitor": v.Visitor, "vitals": v.Name == "vitals" && len(v.Props) > 0,
		"events": v.Name != "vitals" && len(v.Props) > 0, "engagement": v.Engaged != 0,
	}
}

// stages is the real way of an event, with what it looks up replaced by answers
// that are always there.
type stages struct {
	enricher *enrich.Enricher
	minimise *minimise.Minimiser
	sink     *memory
}

func newStages() (*stages, error) {
	e, err := enrich.New(enrich.Options{Agents: agent{}, Places: everywhere{}, Sources: search{}})
	if err != nil {
		return nil, err
	}
	return &stages{enricher: e, minimise: minimise.New(minimise.Options{Networks: minimise.Most()}), sink: &memory{}}, nil
}

// run takes a triple through the pipeline, and once more stage by stage to look
// at what each passes on.
func (s *stages) run(c triple) (minimise.Values, outcome.Outcome, string) {
	g, err := gate.New(c.keys, c.book, c.revoked)
	if err != nil {
		return minimise.Values{}, outcome.None, err.Error()
	}
	p, err := pipeline.New(pipeline.Options{Gate: g, Enricher: s.enricher, Minimise: s.minimise, Recent: batch.NewRecent(8), Sink: s.sink})
	if err != nil {
		return minimise.Values{}, outcome.None, err.Error()
	}
	client := enrich.Client{Address: netip.MustParseAddr("203.0.113.77"), Headers: enrich.Headers{UserAgent: chrome}}
	if c.bot {
		client.Headers.UserAgent = ""
	}
	s.sink.rows = s.sink.rows[:0]
	r := pipeline.Request{
		Site: c.site, Token: c.sent, Signal: c.signal, Received: time.UnixMilli(c.received).UTC(), Events: pipeline.Decoded{c.raw},
		Session: validate.Session{ID: [16]byte{1, 2, 3}, Age: time.Minute}, Client: client,
	}
	result, err := p.Process(context.Background(), r)
	switch {
	case err != nil:
		return minimise.Values{}, outcome.None, err.Error()
	case result.Accepted+result.Drops.Total() != 1 || int(result.Accepted) != len(s.sink.rows):
		return minimise.Values{}, outcome.None, fmt.Sprintf("%d outcomes for one event", result.Accepted+result.Drops.Total())
	case result.Accepted == 0:
		for o, n := range result.Drops {
			if n > 0 {
				return minimise.Values{}, outcome.Outcome(o), ""
			}
		}
	}
	return s.sink.rows[0], outcome.None, s.between(c, g, r)
}

// between looks at what the stages hand to each other: nothing that is not
// licensed goes beyond the gate, and no address beyond enrichment.
func (s *stages) between(c triple, g *gate.Gate, r pipeline.Request) string {
	fields, _, _, _ := allowed(c.world)
	pass, _ := g.Open(r.Site, r.Token, r.Signal, r.Received)
	event, _ := validate.Of(c.raw, r.Session, r.Received)
	permitted, _ := pass.Admit(event)
	facts, _ := s.enricher.Facts(permitted, r.Client)
	left := permitted.Event()
	switch {
	case permitted.Session() != [16]byte{} && !fields["session"]:
		return "the session passes the gate"
	case left.URL != "" && !fields["page"] && !fields["campaign"]:
		return "the page passes the gate"
	case strings.Contains(left.URL, "?") && !fields["campaign"]:
		return "the query passes the gate"
	case left.Referrer != "" && !fields["referrer"]:
		return "the referrer passes the gate"
	case facts.Address().IsValid() && !fields["address"] && !slices.Contains(licensed(c.world), "address"):
		return "the address passes enrichment"
	}
	return ""
}

// licensed lists the fields of every granted purpose.
func licensed(w world) []string {
	var all []string
	for _, p := range w.purposes {
		if w.granted[p.id] {
			all = append(all, p.fields...)
		}
	}
	return all
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

type agent struct{}

func (agent) Recognise(h enrich.Headers) enrich.Agent {
	if h.UserAgent == "" {
		return enrich.Agent{Bot: outcome.BotCrawler}
	}
	return enrich.Agent{Browser: "Chrome", Version: "130", OS: "Windows", Device: "desktop"}
}

// report prints what was covered and fails for what was not.
func report(t *testing.T, covered map[string]int, rows int) {
	t.Helper()
	names := []string{"pageview", "custom", "engagement", "vitals"}
	for subset := range 8 {
		names = append(names, fmt.Sprintf("purposes %03b of 3", subset))
	}
	for _, why := range []string{
		"no_token", "garbled", "forged", "foreign_key", "future", "overlong", "consent", "other_site", "withdrawn", "narrowed",
		"changed", "superseded", "nothing_granted", "privacy_signal", "before_decision", "undeclared", "not_granted", "crawler", "retention",
	} {
		names = append(names, "dropped as "+why)
	}
	t.Logf("%d triples, %d rows", triples, rows)
	for _, name := range names {
		t.Logf("%-28s %d", name, covered[name])
		if covered[name] == 0 {
			t.Errorf("the generator never made: %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(covered)) {
		if !slices.Contains(names, name) && name != "dropped as " {
			t.Errorf("%s happened and is on no list", name)
		}
	}
	if rows < triples/10 {
		t.Errorf("only %d of %d triples led to a row: the generator tests refusals alone", rows, triples)
	}
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
	if lines > 62 {
		t.Errorf("the model has %d lines of code, at most 62 are allowed", lines)
	}
}
