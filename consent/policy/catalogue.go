package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kelisim/consent"
)

// Standing is what an edition is worth today.
type Standing uint8

// The standings of an edition. The zero value is Unknown: nothing is permitted
// under it.
const (
	Unknown    Standing = iota
	Superseded          // consents given under it no longer hold
	Held                // older, and every change since leaves its consents in force
	Current             // what is asked today
)

// String is the standing in words.
func (s Standing) String() string {
	switch s {
	case Superseded:
		return "superseded"
	case Held:
		return "held"
	case Current:
		return "current"
	}
	return "unknown"
}

// Site is one site: its current edition, and the editions before it. It is
// immutable.
type Site struct {
	policy  *Policy
	edition *consent.Edition
	known   map[consent.EditionKey]entry
	held    []consent.EditionKey
	history []*Policy
}

type entry struct {
	policy   *Policy
	edition  *consent.Edition
	standing Standing
}

// ID is the site id.
func (s *Site) ID() string { return s.policy.Site }

// Policy is the current edition as the file words it.
func (s *Site) Policy() *Policy { return s.policy }

// Edition is the current edition, compiled.
func (s *Site) Edition() *consent.Edition { return s.edition }

// Held lists the older editions whose consents still hold, newest first.
func (s *Site) Held() []consent.EditionKey { return slices.Clone(s.held) }

// History lists every known edition, newest first, the current one among them.
func (s *Site) History() []*Policy { return slices.Clone(s.history) }

// PolicyOf finds the words of an edition.
func (s *Site) PolicyOf(key consent.EditionKey) (*Policy, bool) {
	e, ok := s.known[key]
	return e.policy, ok
}

// Find is an edition of the site and what it is worth. The edition is nil where it
// is Unknown.
func (s *Site) Find(key consent.EditionKey) (*consent.Edition, Standing) {
	e := s.known[key]
	return e.edition, e.standing
}

// Holding is an edition of the site if consents given under it are in force.
func (s *Site) Holding(key consent.EditionKey) (*consent.Edition, bool) {
	e := s.known[key]
	if e.standing != Current && e.standing != Held {
		return nil, false
	}
	return e.edition, true
}

// Catalogue holds the editions of every site. It is immutable and safe for
// concurrent use; a changed policy file makes another catalogue.
type Catalogue struct {
	sites  []*Site
	byID   map[string]*Site
	byHost map[string]*Site
}

// NewCatalogue joins the policies of the files with the archived documents of
// every site. Archived sites without a file are no sites. The catalogue is nil
// unless there are no problems.
func NewCatalogue(policies []*Policy, archived [][]byte) (*Catalogue, Problems) {
	var problems Problems
	older := map[string][]*Policy{}
	for _, data := range archived {
		p, err := ReadDocument(data)
		if err != nil {
			problems = append(problems, Problem{File: archive, Field: "document", Value: shorten(string(data)), Rule: err.Error()})
			continue
		}
		older[p.Site] = append(older[p.Site], p)
	}
	c := &Catalogue{byID: map[string]*Site{}, byHost: map[string]*Site{}}
	for _, p := range policies {
		if _, twice := c.byID[p.Site]; twice {
			problems = append(problems, Problem{File: p.Site, Field: "site", Value: p.Site, Rule: "two policy files are for the same site"})
			continue
		}
		s, faults := newSite(p, older[p.Site])
		problems = append(problems, faults...)
		c.byID[p.Site] = s
		c.sites = append(c.sites, s)
		for i, h := range p.Hosts {
			if other := c.byHost[h]; other != nil {
				problems = append(problems, Problem{File: p.Site, Field: index("hosts", i), Value: h, Rule: "is also a host of the site " + other.ID()})
			}
			c.byHost[h] = s
		}
		problems = append(problems, sharedCookies(c.sites)...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	slices.SortFunc(c.sites, func(a, b *Site) int { return strings.Compare(a.ID(), b.ID()) })
	return c, nil
}

// archive is the file that problems of archived documents name.
const archive = "archive"

func newSite(p *Policy, older []*Policy) (*Site, Problems) {
	s := &Site{policy: p, known: map[consent.EditionKey]entry{}}
	problems := s.published(older)
	for _, q := range append([]*Policy{p}, older...) {
		if _, twice := s.known[q.Key()]; twice {
			continue
		}
		e, err := q.Edition()
		if err != nil {
			problems = append(problems, Problem{File: archive, Field: "edition.number", Value: strconv.Itoa(q.Issue.Number), Rule: err.Error()})
			continue
		}
		s.known[q.Key()] = entry{q, e, Superseded}
		s.history = append(s.history, q)
	}
	slices.SortStableFunc(s.history, func(a, b *Policy) int { return b.Issue.Number - a.Issue.Number })
	s.edition = s.known[p.Key()].edition
	s.stand(p.Key(), Current)
	for at := p; at.Replaces.Hash != "" && (at.Replaces.Holds || !at.Replaces.Material); {
		before, ok := s.byHash(at.Replaces.Hash)
		if !ok {
			break
		}
		s.stand(before.Key(), Held)
		s.held = append(s.held, before.Key())
		at = before
	}
	return s, problems
}

func (s *Site) stand(key consent.EditionKey, standing Standing) {
	e := s.known[key]
	e.standing = standing
	s.known[key] = e
}

func (s *Site) byHash(hash string) (*Policy, bool) {
	for _, e := range s.known {
		if e.policy.HashString() == hash {
			return e.policy, true
		}
	}
	return nil, false
}

// published checks a policy against the editions that were published before.
func (s *Site) published(older []*Policy) Problems {
	p := s.policy
	var out Problems
	fault := func(field, value, rule string) {
		out = append(out, Problem{File: p.Site, Field: field, Value: shorten(value), Rule: rule})
	}
	if slices.ContainsFunc(older, func(q *Policy) bool { return q.Key() == p.Key() }) {
		return nil
	}
	var replaced *Policy
	for _, q := range older {
		if q.Issue.Number == p.Issue.Number {
			fault("edition.number", strconv.Itoa(p.Issue.Number), fmt.Sprintf(
				"edition %d was published with another text: give it a new number and `replaces`", p.Issue.Number))
			return out
		}
		if q.HashString() == p.Replaces.Hash {
			replaced = q
		}
	}
	switch {
	case p.Replaces.Hash == "" || len(older) == 0:
	case replaced == nil:
		fault("replaces.hash", p.Replaces.Hash, "names no edition that was published")
	case replaced.Issue.Number > p.Issue.Number:
		fault("edition.number", strconv.Itoa(p.Issue.Number), fmt.Sprintf("is below the number of the edition it replaces, which is %d", replaced.Issue.Number))
	case p.Issue.Effective < replaced.Issue.Effective:
		fault("edition.effective", p.Issue.Effective, "is before the day of the edition it replaces, which is "+replaced.Issue.Effective)
	case !p.Replaces.Material:
		if more := Widened(replaced, p); len(more) > 0 {
			fault("replaces.material", "false", "the change is material, it adds "+strings.Join(more, "; "))
		}
	}
	return out
}

// sharedCookies compares the last site with those before it: two sites whose
// cookies reach the same hosts would overwrite each other's.
func sharedCookies(sites []*Site) (problems Problems) {
	last := sites[len(sites)-1].policy
	for _, s := range sites[:len(sites)-1] {
		if p := s.policy; p.Domain != "" && last.Domain != "" && (Within(p.Domain, last.Domain) || Within(last.Domain, p.Domain)) {
			problems = append(problems, Problem{
				File: last.Site, Field: "cookie_domain", Value: last.Domain, Rule: "the cookies of the site " + s.ID() + " reach the same hosts",
			})
		}
	}
	return problems
}

// Site finds a site by its id.
func (c *Catalogue) Site(id string) (*Site, bool) { s, ok := c.byID[id]; return s, ok }

// SiteByHost finds a site by one of its hosts; a port is ignored.
func (c *Catalogue) SiteByHost(host string) (*Site, bool) {
	host = strings.ToLower(host)
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") && (strings.Count(host, ":") == 1 || host[0] == '[') {
		host = host[:i]
	}
	s, ok := c.byHost[strings.Trim(host, "[]")]
	return s, ok
}

// Sites lists the sites by id.
func (c *Catalogue) Sites() []*Site { return slices.Clone(c.sites) }

// Find is an edition of a site and what it is worth. The edition is nil where
// it is Unknown.
func (c *Catalogue) Find(site string, key consent.EditionKey) (*consent.Edition, Standing) {
	s, ok := c.byID[site]
	if !ok {
		return nil, Unknown
	}
	return s.Find(key)
}

// Holding is an edition of a site if consents given under it are in force.
func (c *Catalogue) Holding(site string, key consent.EditionKey) (*consent.Edition, bool) {
	s, ok := c.byID[site]
	if !ok {
		return nil, false
	}
	return s.Holding(key)
}

// Modes is the deployment mode of each site.
func (c *Catalogue) Modes() map[string]Mode {
	out := map[string]Mode{}
	for _, s := range c.sites {
		out[s.ID()] = s.policy.Mode
	}
	return out
}

// Keys is, for each site, the current edition and the older ones whose consents
// still hold, in the form the loader wants.
func (c *Catalogue) Keys() map[string][]string {
	out := map[string][]string{}
	for _, s := range c.sites {
		keys := []string{s.edition.Key().String()}
		for _, k := range s.held {
			keys = append(keys, k.String())
		}
		out[s.ID()] = keys
	}
	return out
}
