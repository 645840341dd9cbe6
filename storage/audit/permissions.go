package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/pipeline/validate"
	"kelisim/storage/editions"
)

// published is one archived edition, compiled as the gate compiles it.
type published struct {
	policy  *policy.Policy
	edition *consent.Edition
}

// archive is the editions by site and hash.
type archive map[string]map[string]published

// readArchive compiles every archived edition. One whose text is not what its
// name stands for is a violation, and as good as absent.
func (r *run) readArchive(ctx context.Context) (archive, error) {
	all, err := editions.List(ctx, r.o.Conn)
	if err != nil {
		return nil, err
	}
	known := archive{}
	for _, e := range all {
		p, err := policy.ReadDocument(e.Document)
		sum := sha256.Sum256(e.Document)
		if err != nil || hex.EncodeToString(sum[:]) != e.Hash || p.Site != e.Site {
			r.found(ruleArchive, 1, Example{Site: e.Site, Edition: e.Hash})
			continue
		}
		compiled, err := p.Edition()
		if err != nil {
			r.found(ruleArchive, 1, Example{Site: e.Site, Edition: e.Hash})
			continue
		}
		if known[e.Site] == nil {
			known[e.Site] = map[string]published{}
		}
		known[e.Site][e.Hash] = published{p, compiled}
	}
	return known, nil
}

// class is what decisions of a site have in common: everything that the gate
// derives a permission from.
type class struct {
	Hash     uint64   `ch:"class"` // as the database computes it
	Edition  string   `ch:"edition"`
	State    string   `ch:"state"`
	Items    []string `ch:"granted"`
	Explicit bool     `ch:"explicit"` // the choice may stand in spite of a privacy signal
	N        uint64   `ch:"n"`

	known   *published
	lacking string // the first item that the edition does not have
	allowed consent.Permission
	quiet   consent.Permission // under a privacy signal
	offered consent.Fields     // what every item of the edition together licenses
}

// classSQL is the hash of a decision's class; two classes that share a hash are
// told apart by compile.
const classSQL = "cityHash64(edition, state, items, action = 'custom' AND gpc)"

const classesSQL = `
SELECT ` + classSQL + ` AS class, toString(edition) AS edition, toString(state) AS state,
    arrayMap(i -> toString(i), items) AS granted, action = 'custom' AND gpc AS explicit, count() AS n
FROM consents WHERE site = @site
GROUP BY class, edition, state, granted, explicit`

// permissions are the classes of a site, in the order of their numbers, which
// begin with 1: first those whose edition is unknown, then from the narrowest.
type permissions struct {
	classes    []class
	unknown    int                  // of the classes, those without an edition
	editions   []string             // in the order of their numbers, which begin with 1
	undeclared []property           // what rows of the site have, and an edition does not declare
	known      map[string]published // by hash
}

// property is one property of an event, or with "" the event, under an edition.
type property struct {
	edition     int
	event, name string
}

// permissions compiles what the decisions of a site permit.
func (r *run) permissions(ctx context.Context, site string) (*permissions, error) {
	p := &permissions{known: r.archive[site]}
	if err := r.o.Conn.Select(r.context(ctx), &p.classes, classesSQL, named("site", site)); err != nil {
		return nil, fmt.Errorf("audit: list what was decided: %w", err)
	}
	for hash := range p.known {
		p.editions = append(p.editions, hash)
	}
	slices.Sort(p.editions)
	seen := map[uint64]bool{}
	for i := range p.classes {
		c := &p.classes[i]
		if seen[c.Hash] {
			return nil, fmt.Errorf("audit: two kinds of decision have the hash %d: they cannot be told apart", c.Hash)
		}
		seen[c.Hash] = true
		if e, ok := p.known[c.Edition]; ok {
			c.compile(&e)
		} else {
			p.unknown++
		}
	}
	if err := r.declared(ctx, site, p); err != nil {
		return nil, err
	}
	slices.SortFunc(p.classes, func(a, b class) int {
		if (a.known == nil) != (b.known == nil) {
			if a.known == nil {
				return -1
			}
			return 1
		}
		return a.allowed.Fields.Len() - b.allowed.Fields.Len()
	})
	return p, nil
}

// compile derives what the gate would derive from a token of the class.
func (c *class) compile(e *published) {
	c.known = e
	c.offered = e.edition.Permits(e.edition.All()).Fields
	var known []string
	for _, id := range c.Items {
		if _, unknown := e.edition.ItemsOf([]string{id}); unknown != "" {
			c.lacking = unknown
			continue
		}
		known = append(known, id)
	}
	if !consent.State(c.State).Permits() {
		return
	}
	items, _ := e.edition.ItemsOf(known)
	c.allowed = e.edition.Permits(items)
	if lowered := e.edition.Lowered(items); !c.Explicit || lowered == items {
		c.quiet = e.edition.Permits(lowered)
	}
}

// usedSQL lists the events and properties that a site's rows have, "" being the
// event itself.
const usedSQL = `
SELECT DISTINCT toString(name) AS event, arrayJoin(arrayPushBack(mapKeys(props), '')) AS property
FROM events WHERE site = @site AND (name NOT IN ('pageview', 'engagement') OR notEmpty(props))`

// declared compares what the rows of a site have with what each of its editions
// declares.
func (r *run) declared(ctx context.Context, site string, p *permissions) error {
	var used []struct {
		Event    string `ch:"event"`
		Property string `ch:"property"`
	}
	if err := r.o.Conn.Select(r.context(ctx), &used, usedSQL, named("site", site)); err != nil {
		return fmt.Errorf("audit: list events and properties: %w", err)
	}
	for i, hash := range p.editions {
		e := p.known[hash].edition
		for _, u := range used {
			if !declares(e, u.Event, u.Property) {
				p.undeclared = append(p.undeclared, property{i + 1, u.Event, u.Property})
			}
		}
	}
	return nil
}

// declares reports whether an edition knows a property of an event, or with "" the
// event.
func declares(e *consent.Edition, event, name string) bool {
	names, known := e.Event(event)
	switch event {
	case validate.Pageview, validate.Engagement:
		names, known = nil, true
	case validate.Vitals:
		names, known = validate.Measures(), true
	}
	return known && (name == "" || slices.Contains(names, name))
}

// number is the number of an edition, 0 for one that is unknown.
func (p *permissions) number(hash string) int { return slices.Index(p.editions, hash) + 1 }
