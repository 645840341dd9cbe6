package audit

import (
	"fmt"
	"strings"

	"kelisim/consent"
	"kelisim/pipeline/validate"
)

// column is a column of the table events and what licenses a value in it.
type column struct {
	name    string
	licence []string // as in the column's comment: fields, or "consent" for what every row has
	holds   string   // SQL: whether there is a value; "" for what every row has
}

const noSession = "toUUID('00000000-0000-0000-0000-000000000000')"

// eventColumns lists every column of events. A column that the schema has and
// this list lacks fails a test, and so does another licence.
func eventColumns() []column {
	text := func(field, name string) column {
		return column{name: name, licence: []string{field}, holds: "notEmpty(" + name + ")"}
	}
	always := func(name string) column { return column{name: name, licence: []string{"consent"}} }
	kinds := []string{"page", "events", "engagement", "vitals"}
	return []column{
		always("site"),
		{name: "time", licence: kinds},
		{name: "name", licence: kinds},
		always("consent_id"),
		always("number"),
		{name: "session_id", licence: []string{"session"}, holds: "session_id != " + noSession},
		always("seq"),
		{name: "visitor", licence: []string{"visitor"}, holds: "visitor"},
		text("page", "path"),
		text("referrer", "referrer"),
		text("referrer", "source"),
		text("referrer", "channel"),
		text("campaign", "utm_source"),
		text("campaign", "utm_medium"),
		text("campaign", "utm_campaign"),
		text("campaign", "utm_content"),
		text("campaign", "utm_term"),
		text("campaign", "click"),
		text("country", "country"),
		text("region", "region"),
		text("city", "city"),
		text("browser", "browser"),
		text("browser", "browser_version"),
		text("os", "os"),
		text("device", "device"),
		{name: "props", licence: []string{"events", "vitals"}, holds: "notEmpty(props)"},
		{name: "engaged_ms", licence: []string{"engagement"}, holds: "engaged_ms > 0"},
		{name: "ip", licence: []string{"address"}, holds: "ip != toIPv6('::')"},
		always("ip_expires_at"),
		always("expires_at"),
	}
}

// derivedBit stands in a set of fields for where a visit came from, by name and
// channel. The referrer licenses it, and it goes with the campaign as well, because
// it may follow from a tag. It is no bit of a field.
const derivedBit consent.Fields = 1 << 31

func (c column) derived() bool { return c.name == "source" || c.name == "channel" }

// licensed is a set of fields as a row is compared with it.
func licensed(f consent.Fields) consent.Fields {
	if f.Has(consent.FieldReferrer) {
		f |= derivedBit
	}
	return f
}

// needed is SQL for the set of fields that a row needs: those of the values it
// holds, and of the kind of event it is. That of its network is not among them.
func needed() string {
	holds := map[consent.Fields][]string{
		consent.FieldsOf(consent.FieldPage):       {is(validate.Pageview, validate.Engagement, validate.Vitals)},
		consent.FieldsOf(consent.FieldSession):    {is(validate.Engagement)},
		consent.FieldsOf(consent.FieldEngagement): {is(validate.Engagement)},
		consent.FieldsOf(consent.FieldVitals):     {is(validate.Vitals)},
		consent.FieldsOf(consent.FieldEvents):     {"NOT " + is(validate.Pageview, validate.Engagement, validate.Vitals)},
	}
	for _, c := range eventColumns() {
		if c.holds == "" {
			continue
		}
		bit, holding := derivedBit, c.holds
		switch f, known := consent.ParseField(c.licence[0]); {
		case c.derived():
		case c.name == "props": // of vitals they are licensed with the event itself
			bit, holding = consent.FieldsOf(consent.FieldEvents), c.holds+" AND NOT "+is(validate.Vitals)
		case known && len(c.licence) == 1:
			bit = consent.FieldsOf(f)
		}
		holds[bit] = append(holds[bit], holding)
	}
	var terms []string
	for bit := consent.Fields(1); bit != 0; bit <<= 1 {
		if conditions := holds[bit]; len(conditions) > 0 {
			terms = append(terms, fmt.Sprintf("toUInt32((%s)) * %d", strings.Join(conditions, ") OR ("), uint32(bit)))
		}
	}
	return "toUInt32(" + strings.Join(terms, " + ") + ")"
}

func is(names ...string) string { return "name IN ('" + strings.Join(names, "', '") + "')" }

// held is SQL for the names of the columns in which a row holds a value.
func held() string {
	var names []string
	for _, c := range eventColumns() {
		if c.holds != "" {
			names = append(names, fmt.Sprintf("if(%s, '%s', '')", c.holds, c.name))
		}
	}
	return "arrayFilter(c -> notEmpty(c), [" + strings.Join(names, ", ") + "])"
}

// beyond names the held columns that a set of fields does not license; an event
// whose kind is not licensed has "name" among them, an address "ip".
func beyond(held []string, excess consent.Fields) []string {
	var out []string
	for _, c := range eventColumns() {
		for _, name := range held {
			if name == c.name && excess&bits(c) != 0 {
				out = append(out, name)
			}
		}
	}
	if excess.Has(consent.FieldAddress) {
		out = append(out, "ip")
	}
	if len(out) == 0 {
		out = append(out, "name")
	}
	return out
}

func bits(c column) consent.Fields {
	if c.derived() {
		return derivedBit
	}
	var set consent.Fields
	for _, word := range c.licence {
		if f, ok := consent.ParseField(word); ok {
			set = set.With(f)
		}
	}
	return set
}
