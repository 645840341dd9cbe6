package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kelisim/consent"
)

// next is a newer edition of the example: another title, so that it is another
// text.
func next(t testing.TB, before *Policy, flags string, pairs ...string) *Policy {
	t.Helper()
	n := before.Issue.Number + 1
	return edit(t, "example.yaml", append([]string{
		"number: 1", fmt.Sprintf("number: %d", n),
		"term_months: 6", fmt.Sprintf("replaces: {hash: %q, %s}\nterm_months: 6", before.HashString(), flags),
		"en: Advertising and marketing", fmt.Sprintf("en: Advertising and marketing %d", n),
	}, pairs...)...)
}

func documents(policies ...*Policy) [][]byte {
	var out [][]byte
	for _, p := range policies {
		out = append(out, p.Document())
	}
	return out
}

func catalogue(t testing.TB, p *Policy, archived ...*Policy) *Catalogue {
	t.Helper()
	c, problems := NewCatalogue([]*Policy{p}, documents(archived...))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStandings(t *testing.T) {
	first := parsed(t, "example.yaml")
	f := func(name string, flags []string, want ...Standing) {
		t.Helper()
		chain := []*Policy{first}
		for _, fl := range flags {
			chain = append(chain, next(t, chain[len(chain)-1], fl))
		}
		c := catalogue(t, chain[len(chain)-1], chain...)
		var got []Standing
		for _, p := range chain {
			e, s := c.Find("example", p.Key())
			got = append(got, s)
			if s == Unknown || e == nil || e.Key() != p.Key() {
				t.Errorf("%s: edition %d is lost", name, p.Issue.Number)
			}
			held, ok := c.Holding("example", p.Key())
			if ok != (s == Current || s == Held) || ok && held != e {
				t.Errorf("%s: edition %d holds = %t", name, p.Issue.Number, ok)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	f("alone", nil, Current)
	f("spelling", []string{"material: false"}, Held, Current)
	f("material", []string{"material: true"}, Superseded, Current)
	f("material, older consents hold", []string{"material: true, holds: true"}, Held, Current)
	f("a chain that holds", []string{"material: false", "material: true, holds: true"}, Held, Held, Current)
	f("a chain that breaks late", []string{"material: false", "material: true"}, Superseded, Superseded, Current)
	f("a chain that breaks early", []string{"material: true", "material: false"}, Superseded, Held, Current)
}

func TestCatalogueFinds(t *testing.T) {
	first := parsed(t, "example.yaml")
	second := next(t, first, "material: false")
	demo := parsed(t, "demo.yaml")
	c, problems := NewCatalogue([]*Policy{second, demo}, documents(first, second))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"demo":    {demo.Key().String()},
		"example": {second.Key().String(), first.Key().String()},
	}
	if d := cmp.Diff(want, c.Keys()); d != "" {
		t.Error(d)
	}
	for host, site := range map[string]string{
		"www.example.com": "example", "EXAMPLE.com:8080": "example", "localhost:8080": "demo", "127.0.0.1": "demo",
		"other.example.com": "", "": "", "[::1]:80": "", "[": "", "::1": "",
	} {
		s, ok := c.SiteByHost(host)
		if ok != (site != "") || ok && s.ID() != site {
			t.Errorf("%q belongs to %q", host, site)
		}
	}
	s, ok := c.Site("example")
	if !ok || s.Policy() != second || s.Edition().Key() != second.Key() {
		t.Fatal("the site has another current edition")
	}
	var numbers []int
	for _, p := range s.History() {
		numbers = append(numbers, p.Issue.Number)
	}
	if d := cmp.Diff([]int{2, 1}, numbers); d != "" {
		t.Error(d)
	}
	if p, ok := s.PolicyOf(first.Key()); !ok || p.HashString() != first.HashString() {
		t.Error("the words of the first edition are lost")
	}
	if e, standing := c.Find("example", consent.EditionKey{1}); e != nil || standing != Unknown {
		t.Error("an edition nobody published is known")
	}
	if e, standing := c.Find("nowhere", first.Key()); e != nil || standing != Unknown {
		t.Error("an edition of no site is known")
	}
	if _, ok := c.Site("nowhere"); ok {
		t.Error("a site without a file is a site")
	}
	if len(c.Sites()) != 2 {
		t.Error("not two sites")
	}
}

func TestCatalogueRefuses(t *testing.T) {
	first := parsed(t, "example.yaml")
	f := func(want string, policies []*Policy, archived ...[]byte) {
		t.Helper()
		c, problems := NewCatalogue(policies, archived)
		if c != nil || !strings.Contains(problems.String(), want) {
			t.Errorf("want %q, got %s", want, problems)
		}
	}
	edited := edit(t, "example.yaml", "en: Advertising and marketing", "en: Advertising")
	f(`edition.number: value "1": edition 1 was published with another text: give it a new number and `+"`replaces`", []*Policy{edited}, first.Document())
	f(`names no edition that was published`, []*Policy{next(t, edited, "material: true")}, first.Document())
	f(`replaces.material: value "false": the change is material, it adds the fields events for the purpose analytics`,
		[]*Policy{next(t, first, "material: false",
			"session, visitor, engagement]", "session, visitor, events, engagement]",
			"consent, engagement]", "consent, engagement, events]",
			"data:\n  - id: page", "data:\n  - id: events\n    text: {kk: оқиғалар, ru: события, en: events}\n    fields: [events]\n  - id: page")},
		first.Document())
	f(`edition.effective: value "2026-10-31": is before the day`, []*Policy{next(t, first, "material: true", "2026-11-01", "2026-10-31")}, first.Document())
	f(`two policy files are for the same site`, []*Policy{first, edited})
	f(`hosts[0]: value "www.example.com": is also a host of the site example`, []*Policy{first, edit(t, "demo.yaml", "localhost, 127.0.0.1", "www.example.com")})
	f(`archive: document: value "{}": policy: not an archived document`, []*Policy{first}, []byte("{}"))
}

func TestWidened(t *testing.T) {
	first := parsed(t, "example.yaml")
	f := func(want []string, pairs ...string) {
		t.Helper()
		if d := cmp.Diff(want, Widened(first, edit(t, "example.yaml", pairs...))); d != "" {
			t.Error(d)
		}
	}
	f(nil)
	f(nil, "retention_days: 90", "retention_days: 60", "term_months: 6", "term_months: 3")
	f([]string{"a longer retention for the purpose analytics"}, "retention_days: 90", "retention_days: 91")
	f([]string{"a longer term of the consent"}, "term_months: 6", "term_months: 7")
	f([]string{"another operator"}, `"000000000000"`, `"000040123450"`)
	f([]string{"another purpose for the recipient «Example Ads» ЖШС"}, "purposes: [marketing]", "purposes: [marketing, analytics]")
}
