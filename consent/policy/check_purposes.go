package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kelisim/banner/locale"
	"kelisim/consent"
)

// Bounds of retention, in days.
const (
	maxIdentifierDays = 396 // 13 months, for what can tell one person from another
	maxRawDays        = 760 // 25 months, for the rest
)

// identifiers are the fields that can tell one person from another.
func identifiers() consent.Fields {
	return consent.FieldsOf(consent.FieldAddress, consent.FieldSession, consent.FieldVisitor)
}

func (c *checker) purposes() {
	if len(c.p.Purposes) == 0 {
		c.add("purposes", "", "is missing: a consent names at least one purpose")
	}
	for i, q := range c.p.Purposes {
		at := index("purposes", i)
		if !matches(itemPattern, q.ID) {
			c.add(at+".id", q.ID, "an item id is a small letter and up to 31 small letters, digits or underscores")
		}
		if len(q.Fields) == 0 && len(q.Data) == 0 {
			c.add(at, q.ID, "a purpose without data or fields asks for nothing: name what it needs")
		} else if len(q.Data) == 0 {
			c.add(at+".data", "", "names the entries of the list of data that the purpose needs (art. 8(4)(7))")
		}
		c.fields(at, q)
		c.retention(at, q)
		c.described(at, q)
	}
}

// fields checks the names of the fields, and that they are of use together.
func (c *checker) fields(at string, q Purpose) {
	seen := map[string]bool{}
	for j, name := range q.Fields {
		c.fieldName(index(at+".fields", j), name, seen)
	}
	set := q.FieldSet()
	if set.Has(consent.FieldEngagement) && (!set.Has(consent.FieldPage) || !set.Has(consent.FieldSession)) {
		c.add(at+".fields", strings.Join(q.Fields, ", "), "engagement is the time on a page of a session: it needs page and session")
	}
	if set.Has(consent.FieldVitals) && !set.Has(consent.FieldPage) {
		c.add(at+".fields", strings.Join(q.Fields, ", "), "vitals are the times of a page: they need page")
	}
}

func (c *checker) fieldName(at, name string, seen map[string]bool) {
	_, known := consent.ParseField(name)
	switch {
	case !known:
		var all []string
		for _, f := range consent.AllFields() {
			all = append(all, f.String())
		}
		c.add(at, name, "is one of "+strings.Join(all, ", "))
	case seen[name]:
		c.add(at, name, "stands twice")
	}
	seen[name] = true
}

func (c *checker) retention(at string, q Purpose) {
	set, limit, what := q.FieldSet(), maxRawDays, "25 months, the bound for telemetry"
	if set.Minus(identifiers()) != set {
		limit, what = maxIdentifierDays, "13 months, the bound for identifiers"
	}
	if q.RetentionDays < 1 || q.RetentionDays > limit {
		c.add(at+".retention_days", strconv.Itoa(q.RetentionDays), fmt.Sprintf("is between 1 and %d days (%s)", limit, what))
	}
	switch given := c.has(at + ".address_days"); {
	case given && !set.Has(consent.FieldAddress):
		c.add(at+".address_days", strconv.Itoa(q.AddressDays), "the purpose does not license the field address")
	case given && (q.AddressDays < 1 || q.AddressDays > q.RetentionDays):
		c.add(at+".address_days", strconv.Itoa(q.AddressDays), fmt.Sprintf("is between 1 and retention_days, which is %d", q.RetentionDays))
	}
}

// described checks that the data list tells of every field a purpose licenses,
// and of none it does not.
func (c *checker) described(at string, q Purpose) {
	if len(c.p.Data) == 0 {
		return // said once, of the list
	}
	var told consent.Fields
	for j, id := range q.Data {
		here := index(at+".data", j)
		i := slices.IndexFunc(c.p.Data, func(d Data) bool { return d.ID == id })
		if i < 0 {
			c.add(here, id, "names no entry of the list of data")
			continue
		}
		if slices.Index(q.Data, id) != j {
			c.add(here, id, "stands twice")
		}
		set := Purpose{Fields: c.p.Data[i].Fields}.FieldSet()
		told = told.Union(set)
		if extra := set.Minus(q.FieldSet()); extra != 0 {
			c.add(here, id, "tells of fields the purpose does not license: "+extra.String())
		}
	}
	if untold := q.FieldSet().Minus(told); untold != 0 && len(q.Data) > 0 {
		c.add(at+".fields", untold.String(), "is licensed, but no entry of data that the purpose names tells of it")
	}
}

func (c *checker) data() {
	if len(c.p.Data) == 0 {
		c.add("data", "", "is missing: a consent holds the list of data collected (art. 8(4)(7))")
	}
	ids := map[string]bool{}
	for i, d := range c.p.Data {
		at := index("data", i)
		switch {
		case !matches(itemPattern, d.ID):
			c.add(at+".id", d.ID, "an id is a small letter and up to 31 small letters, digits or underscores")
		case ids[d.ID]:
			c.add(at+".id", d.ID, "stands twice")
		case !slices.ContainsFunc(c.p.Purposes, func(q Purpose) bool { return slices.Contains(q.Data, d.ID) }):
			c.add(at+".id", d.ID, "is needed by no purpose: data without a purpose are not collected")
		}
		ids[d.ID] = true
		seen := map[string]bool{}
		for j, name := range d.Fields {
			c.fieldName(index(at+".fields", j), name, seen)
		}
	}
}

func (c *checker) recipients() {
	p, abroad := c.p, ""
	for i, r := range p.Recipients {
		at := index("recipients", i)
		if !locale.KnownCountry(r.Country) {
			c.add(at+".country", r.Country, "is a country code of ISO 3166-1, as KZ")
		} else if r.Country != home {
			abroad = r.Country
			if c.has("cross_border") && p.CrossBorder.none {
				c.add(at+".country", r.Country, "a recipient abroad needs a cross_border item, and the policy says `none`")
			}
		}
		if !slices.Contains(Categories(), r.Category) {
			c.add(at+".category", r.Category, "is one of "+strings.Join(Categories(), ", "))
		}
		if len(r.Purposes) == 0 {
			c.add(at+".purposes", "", "names the purposes the recipient serves")
		}
		for j, id := range r.Purposes {
			if _, known := p.Purpose(id); !known {
				c.add(index(at+".purposes", j), id, "names no purpose of this policy")
			}
		}
	}
	if s := p.Storage.Country; s != home && locale.KnownCountry(s) {
		abroad = s
		if c.has("cross_border") && p.CrossBorder.none {
			c.add("storage.country", s, "data stored abroad cross the border: a cross_border item is needed, and the policy says `none`")
		}
	}
	if len(p.Recipients) > 0 && c.has("third_party") && p.ThirdParty.none {
		c.add("third_party", "none", "contradicts recipients: whoever is given data is a third party")
	}
	if len(p.Recipients) == 0 && c.has("third_party") && !p.ThirdParty.none {
		c.add("third_party", p.ThirdParty.ID, "asks for a transfer, but recipients names nobody")
	}
	if abroad == "" {
		abroad = p.serviceAbroad()
	}
	if abroad == "" && c.has("cross_border") && !p.CrossBorder.none {
		c.add("cross_border", p.CrossBorder.ID, "asks for a cross-border transfer, but no recipient, service or store is abroad")
	}
}
