package fill

import (
	"strings"

	"kelisim/consent"
)

// column is a column of the table events: how a value comes about, and what
// licenses it.
type column struct {
	name     string
	field    consent.Field
	licensed bool   // whether field licenses it; the others stand in every row
	sql      string // of the inner SELECT's columns
	empty    string
}

// columns are what is filled. A value belongs to the events that the pipeline
// keeps it with: most to the page view, the source of a visit to its first one.
func columns() []column {
	always := func(name, sql string) column { return column{name: name, sql: sql} }
	by := func(f consent.Field, name, sql, empty string) column { return column{name, f, true, sql, empty} }
	text := func(f consent.Field, name, sql string) column {
		return by(f, name, "if(kind = 1, '', "+sql+")", "''")
	}
	came := func(f consent.Field, name, place string) column {
		kinds := "kind = 0"
		if f == consent.FieldCampaign {
			kinds = "kind != 1"
		}
		return by(f, name, "if("+kinds+" AND page = 0, came."+place+", '')", "''")
	}
	return []column{
		always("site", "{site}"), always("time", "at"), always("name", "{name}"), always("consent_id", "consent_id"),
		always("number", "toUInt32(1)"),
		by(consent.FieldSession, "session_id", "session_id", "toUUID('00000000-0000-0000-0000-000000000000')"),
		always("seq", "toUInt32(page + 1 + before + (kind = 2))"),
		by(consent.FieldVisitor, "visitor", "true", "false"),
		text(consent.FieldPage, "path", "{path}"),
		came(consent.FieldReferrer, "referrer", "1"), came(consent.FieldReferrer, "source", "2"), came(consent.FieldReferrer, "channel", "3"),
		came(consent.FieldCampaign, "utm_source", "4"), came(consent.FieldCampaign, "utm_medium", "5"), came(consent.FieldCampaign, "utm_campaign", "6"),
		came(consent.FieldCampaign, "utm_content", "7"), came(consent.FieldCampaign, "utm_term", "8"), came(consent.FieldCampaign, "click", "9"),
		text(consent.FieldCountry, "country", "country"), text(consent.FieldRegion, "region", "place.1"), text(consent.FieldCity, "city", "place.2"),
		text(consent.FieldBrowser, "browser", "agent.1"), text(consent.FieldBrowser, "browser_version", "version"),
		text(consent.FieldOS, "os", "agent.2"), text(consent.FieldDevice, "device", "agent.3"),
		by(consent.FieldEvents, "props", "if(kind = 2, {props}, CAST(map(), 'Map(LowCardinality(String), String)'))", "CAST(map(), 'Map(LowCardinality(String), String)')"),
		by(consent.FieldEngagement, "engaged_ms", "if(kind = 1, toUInt32(1 + intDiv(toUInt64(stay) * bitAnd(bitShiftRight(turn, 24), 65535), 65536)), toUInt32(0))", "toUInt32(0)"),
		by(consent.FieldAddress, "ip", "if({network_ends} > {now}, network, toIPv6('::'))", "toIPv6('::')"),
		by(consent.FieldAddress, "ip_expires_at", "if({network_ends} > {now}, {network_ends}, toDateTime(0, 'UTC'))", "toDateTime(0, 'UTC')"),
		always("expires_at", "toDateTime(least(toDate(at) + {days}, last), 'UTC')"),
	}
}

// licence is what the two kinds of visitors permit: those who grant everything,
// and those who grant the first purpose alone.
type licence struct{ whole, part consent.Permission }

// of is the SQL of a column under a licence: who does not permit the field has
// nothing in it.
func (l licence) of(c column) string {
	switch {
	case !c.licensed, l.whole.Fields.Has(c.field) && l.part.Fields.Has(c.field):
		return c.sql
	case l.whole.Fields.Has(c.field):
		return "if(whole, " + c.sql + ", " + c.empty + ")"
	}
	return c.empty
}

// list is the column list and the select list of an insert into events.
func (l licence) list() (names, sql string) {
	var n, s []string
	for _, c := range columns() {
		n, s = append(n, c.name), append(s, l.of(c)+" AS "+c.name)
	}
	return strings.Join(n, ", "), strings.Join(s, ",\n    ")
}
