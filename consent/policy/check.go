package policy

import (
	"fmt"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the names of time zones, on machines that have none

	"kelisim/banner/locale"
	"kelisim/consent"
)

// checker collects what is wrong with a decoded policy.
type checker struct {
	p *Policy
	*decoder
}

// add reports a problem at a path, unless what stands there could not even be
// decoded.
func (c *checker) add(path, value, rule string) {
	for at := path; at != ""; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		if c.bad[at] {
			return
		}
	}
	c.problems = append(c.problems, Problem{File: c.file, Field: path, Value: shorten(value), Rule: rule, Line: c.nearest(path)})
}

// nearest is the line of the path or of what it stands in.
func (c *checker) nearest(path string) int {
	for path != "" {
		if line, ok := c.lines[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

func (c *checker) all() {
	c.site()
	c.serving()
	c.look()
	c.edition()
	c.operator()
	c.terms()
	c.items()
	c.purposes()
	c.services()
	c.data()
	c.recipients()
	c.events()
	c.wording()
	c.translations()
	c.claims()
}

func index(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// patterns of names in policy files.
const (
	sitePattern  = `^[a-z][a-z0-9-]{0,31}$`
	itemPattern  = `^[a-z][a-z0-9_]{0,31}$`
	eventPattern = `^[a-z][a-z0-9_]{0,39}$`
	hashPattern  = `^[0-9a-f]{64}$`
	hostPattern  = `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`
)

func matches(pattern, s string) bool {
	ok, err := regexp.MatchString(pattern, s)
	return ok && err == nil
}

func (c *checker) site() {
	p := c.p
	if !matches(sitePattern, p.Site) {
		c.add("site", p.Site, "a site id is a small letter and up to 31 small letters, digits or hyphens")
	}
	if len(p.Hosts) == 0 {
		c.add("hosts", "", "names at least one host of the site")
	}
	seen := map[string]bool{}
	for i, h := range p.Hosts {
		at := index("hosts", i)
		_, err := netip.ParseAddr(h)
		switch {
		case strings.Contains(h, "://"):
			c.add(at, h, "is a host name without scheme, as www.example.com")
		case err != nil && (len(h) > 253 || !matches(hostPattern, h)):
			c.add(at, h, "is a host name in small letters without scheme, port or path, as www.example.com")
		case seen[h]:
			c.add(at, h, "stands twice")
		}
		seen[h] = true
	}
}

func (c *checker) serving() {
	p := c.p
	c.mode()
	if _, err := time.LoadLocation(p.TimeZone); err != nil || p.TimeZone == "" || p.TimeZone == "Local" {
		c.add("time_zone", p.TimeZone, "is a time zone of the IANA database, as Asia/Almaty")
	}
	if p.Clear && p.Mode != ModePath {
		c.add("clear_site_data", "true", "clears the collector's own origin, which is the site's in the mode `path` alone")
	}
	if p.K < MinK || p.K > 1000 {
		c.add("k", strconv.Itoa(p.K), fmt.Sprintf("the smallest group shown is between %d and 1000 visitors", MinK))
	}
	seen := map[string]bool{}
	for i, l := range p.Langs {
		switch {
		case !locale.Known(l):
			c.add(index("languages", i), l, "is one of kk, ru, en")
		case seen[l]:
			c.add(index("languages", i), l, "stands twice")
		}
		seen[l] = true
	}
	if !seen["kk"] || !seen["ru"] {
		c.add("languages", strings.Join(p.Langs, ", "), "holds kk and ru: both are mandatory")
	}
}

func (c *checker) edition() {
	e, r := c.p.Issue, c.p.Replaces
	if e.Number < 1 || e.Number > 1_000_000 {
		c.add("edition.number", strconv.Itoa(e.Number), "an edition has a number from 1")
	}
	if _, err := time.Parse(time.DateOnly, e.Effective); err != nil {
		c.add("edition.effective", e.Effective, "is the day the edition takes effect, as 2026-12-01")
	}
	switch given := c.has("replaces"); {
	case e.Number == 1 && given:
		c.add("replaces", r.Hash, "the first edition replaces nothing")
	case e.Number > 1 && !given:
		c.add("replaces", "", "an edition after the first names the hash of the one it replaces")
	case given:
		c.replaces()
	}
}

func (c *checker) replaces() {
	r := c.p.Replaces
	if !matches(hashPattern, r.Hash) {
		c.add("replaces.hash", r.Hash, "is the SHA-256 of the replaced edition: 64 hexadecimal digits")
	}
	if !c.has("replaces.material") {
		c.add("replaces.material", "", "says whether people must be asked again: true or false")
	}
	if !r.Material && !r.Holds && c.has("replaces.material") {
		c.add("replaces.holds", "false", "contradicts replaces.material: after a change that is not material older consents hold")
	}
	alone := *c.p
	alone.Replaces = Replaces{}
	alone.canonicalise()
	if r.Hash == alone.HashString() {
		c.add("replaces.hash", r.Hash, "points to this very text: name the hash of the edition before it")
	}
}

func (c *checker) operator() {
	o := c.p.Operator
	switch rule := binRule(o.BIN); {
	case o.BIN == "":
		c.add("operator.bin", "", "is missing: a consent names the operator by its BIN (art. 8(4)(1))")
	case rule != "":
		c.add("operator.bin", o.BIN, rule)
	case !plausibleBIN(o.BIN) && !reservedDomain(o.Contact):
		c.add("operator.bin", o.BIN, "is a placeholder: its third and fourth digits are no month")
	}
	addr, err := mail.ParseAddress(o.Contact)
	switch {
	case o.Contact == "":
		c.add("operator.contact", "", "is missing: a consent names a contact for requests")
	case err != nil || addr.Address != o.Contact || !strings.Contains(o.Contact, "."):
		c.add("operator.contact", o.Contact, "is an e-mail address alone, as privacy@example.com")
	}
	s := c.p.Storage
	switch {
	case !locale.KnownCountry(s.Country):
		c.add("storage.country", s.Country, "is the country the data are stored in: a code of ISO 3166-1, as KZ")
	case s.Country != home && s.OverrideReason == "":
		c.add("storage.override_reason", "", "is mandatory: personal data are stored in Kazakhstan (art. 12(2)) unless a reason is recorded, and storage.country is "+s.Country)
	case s.Country == home && s.OverrideReason != "":
		c.add("storage.override_reason", s.OverrideReason, "has nothing to override: storage.country is "+home)
	}
}

// home is the country whose law the checks follow.
const home = "KZ"

func (c *checker) terms() {
	p := c.p
	if p.TermMonths < 1 || p.TermMonths > 12 {
		c.add("term_months", strconv.Itoa(p.TermMonths), "the term of a consent (art. 8(4)(3)) is between 1 and 12 months")
	}
	if p.ProofDays < 1 || p.ProofDays > 3660 {
		c.add("proof_days", strconv.Itoa(p.ProofDays), "proof is kept between 1 and 3660 days after the consent")
	}
}

func (c *checker) items() {
	p := c.p
	statements := map[string]string{
		"third_party":  "a consent says whether data go to third parties (art. 8(4)(4)): write an item, or `none`",
		"cross_border": "a consent says whether data leave the country (art. 8(4)(5)): write an item, or `none`",
		"publication":  "a consent says whether data are published (art. 8(4)(6)): write an item, or `none`",
	}
	for _, o := range p.others() {
		switch {
		case !c.has(o.field):
			c.add(o.field, "", "is missing: "+statements[o.field])
		case !o.none && !matches(itemPattern, o.ID):
			c.add(o.field+".id", o.ID, "an item id is a small letter and up to 31 small letters, digits or underscores")
		}
	}
	ids := map[string]string{}
	claim := func(at, id string) {
		if first := ids[id]; id != "" && first != "" {
			c.add(at, id, "stands twice: it is also the id at "+first)
		} else {
			ids[id] = at
		}
	}
	for i, purpose := range p.Purposes {
		claim(index("purposes", i)+".id", purpose.ID)
	}
	for _, o := range p.others() {
		claim(o.field+".id", o.ID)
	}
	if n := len(p.Items()); n > consent.MaxItems {
		c.add("purposes", strconv.Itoa(n), fmt.Sprintf("purposes and other items are at most %d together", consent.MaxItems))
	}
}

// builtIn are the events that need no declaration.
var builtIn = []string{"pageview", "engagement", "vitals"}

func (c *checker) events() {
	p := c.p
	if len(p.Events) > 0 && !slices.ContainsFunc(p.Purposes, func(q Purpose) bool { return q.FieldSet().Has(consent.FieldEvents) }) {
		c.add("events", "", "no purpose licenses the field events: nothing could ever be kept of them")
	}
	if len(p.Events) > 100 {
		c.add("events", strconv.Itoa(len(p.Events)), "at most 100 custom events")
	}
	for _, name := range sortedKeys(p.Events) {
		at := "events." + name
		if !matches(eventPattern, name) || slices.Contains(builtIn, name) {
			c.add(at, name, "an event name is a small letter and up to 39 small letters, digits or underscores, and none of the built-in ones")
		}
		seen := map[string]bool{}
		for i, prop := range p.Events[name] {
			if !matches(eventPattern, prop) || seen[prop] {
				c.add(index(at, i), prop, "a property name stands once and is a small letter and up to 39 small letters, digits or underscores")
			}
			seen[prop] = true
		}
		if len(p.Events[name]) > 20 {
			c.add(at, strconv.Itoa(len(p.Events[name])), "at most 20 properties an event")
		}
	}
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
