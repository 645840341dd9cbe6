package erasure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"kelisim/consent"
	"kelisim/storage/writer"
)

// change is one mutation for jobs that want the same of different consents.
type change struct {
	kind string
	jobs []job
}

// statement is SQL with its arguments.
type statement struct {
	sql  string
	args []any
}

// atOnce is how many consents one change names: as many as a query holds. A demand
// needs a condition of its own.
const (
	atOnce        = 2000
	demandsAtOnce = 200
)

// alike is what jobs share that one change can carry out.
type alike struct {
	site   string
	kind   string
	lost   uint32
	number uint32
}

// group collects jobs into changes: the withdrawals of a site, the choices that
// lost the same with the same decision, the demands. Withdrawals come first, then
// demands: they take everything.
func group(jobs []job) []change {
	var out []*change
	open := map[alike]*change{}
	holds := map[*change]map[uuid.UUID]bool{}
	for _, j := range jobs {
		key, most := alike{site: j.Site, kind: j.Kind}, atOnce
		switch j.Kind {
		case writer.EraseNarrowed:
			key.lost, key.number = j.Lost, j.Number
		case writer.EraseDemanded:
			most = demandsAtOnce
		}
		c := open[key]
		if c == nil || len(c.jobs) >= most || holds[c][j.Consent] {
			c = &change{kind: j.Kind}
			open[key], holds[c] = c, map[uuid.UUID]bool{}
			out = append(out, c)
		}
		holds[c][j.Consent] = true
		c.jobs = append(c.jobs, j)
	}
	first := map[string]int{writer.EraseWithdrawn: -2, writer.EraseDemanded: -1}
	slices.SortStableFunc(out, func(a, b *change) int { return cmp.Compare(first[a.kind], first[b.kind]) })
	all := make([]change, len(out))
	for i, c := range out {
		all[i] = *c
	}
	return all
}

// consents names the consents of the change, whatever their rows.
func (c change) consents() (string, []any) {
	ids := make([]string, len(c.jobs))
	for i, j := range c.jobs {
		ids[i] = j.Consent.String()
	}
	return "site = ? AND consent_id IN (?)", []any{c.jobs[0].Site, ids}
}

// where says which rows of the consents the change is about.
func (c change) where() (string, []any) {
	where, args := c.consents()
	switch c.kind {
	case writer.EraseWithdrawn:
	case writer.EraseNarrowed:
		where, args = where+" AND number < ?", append(args, c.jobs[0].Number)
	default:
		bounds := make([]string, len(c.jobs))
		for i, j := range c.jobs {
			bounds[i] = "consent_id = ? AND time <= fromUnixTimestamp64Milli(?)"
			args = append(args, j.Consent.String(), j.Requested.UnixMilli())
		}
		where += " AND (" + strings.Join(bounds, " OR ") + ")"
	}
	return where, args
}

// lost is what a narrowed choice no longer licenses: the values to empty, the
// condition under which a whole row has nothing left to say, and which of the
// networks that an older version kept in a table of their own go with it.
var lost = map[consent.Field]struct{ set, row, holds, networks string }{
	consent.FieldPage: {
		set: "path = ''", row: "name IN ('pageview', 'engagement', 'vitals')", holds: "path != ''", networks: "name IN ('pageview', 'engagement', 'vitals')",
	},
	consent.FieldReferrer: {set: "referrer = '', source = '', channel = ''", holds: "referrer != '' OR source != '' OR channel != ''"},
	consent.FieldCampaign: {
		// Name and channel of the source may follow from the campaign.
		set: "utm_source = '', utm_medium = '', utm_campaign = '', utm_content = '', utm_term = '', click = '', source = '', channel = ''",
		holds: "utm_source != '' OR utm_medium != '' OR utm_campaign != '' OR utm_content != '' OR utm_term != '' OR click != '' " +
			"OR source != '' OR channel != ''",
	},
	consent.FieldRegion:  {set: "region = ''", holds: "region != ''"},
	consent.FieldCity:    {set: "city = ''", holds: "city != ''"},
	consent.FieldVitals:  {row: "name = 'vitals'", networks: "name = 'vitals'"},
	consent.FieldCountry: {set: "country = ''", holds: "country != ''"},
	consent.FieldAddress: {set: "ip = toIPv6('::')", holds: "ip != toIPv6('::')", networks: "true"},
	consent.FieldBrowser: {set: "browser = '', browser_version = ''", holds: "browser != '' OR browser_version != ''"},
	consent.FieldOS:      {set: "os = ''", holds: "os != ''"},
	consent.FieldDevice:  {set: "device = ''", holds: "device != ''"},
	consent.FieldSession: {
		set: "session_id = " + noSession, row: "name = 'engagement'", holds: "session_id != " + noSession, networks: "session_id != " + noSession,
	},
	consent.FieldVisitor: {set: "visitor = false", holds: "visitor"},
	consent.FieldEvents: {
		row: "name NOT IN ('pageview', 'engagement', 'vitals')", networks: "name NOT IN ('pageview', 'engagement', 'vitals')",
	},
	consent.FieldEngagement: {row: "name = 'engagement'", networks: "name = 'engagement'"},
}

const noSession = "toUUID('00000000-0000-0000-0000-000000000000')"

// parts splits the lost fields into the rows to delete and the values to empty.
func (c change) parts() (rows, sets, holds []string) {
	for _, f := range consent.Fields(c.jobs[0].Lost).List() {
		l := lost[f]
		if l.row != "" {
			rows = append(rows, l.row)
		}
		if l.set == "" {
			continue
		}
		holds = append(holds, l.holds)
		for set := range strings.SplitSeq(l.set, ", ") {
			if !slices.Contains(sets, set) {
				sets = append(sets, set)
			}
		}
	}
	return rows, sets, holds
}

func (c change) statements() []statement {
	where, args := c.where()
	if c.kind != writer.EraseNarrowed {
		rows := statement{"ALTER TABLE events DELETE WHERE " + where, args}
		if c.kind == writer.EraseDemanded { // the narrow table has no time: all of the consent's networks go
			where, args = c.consents()
		}
		// Networks first: as long as rows are left, a pass that was cut short is repeated.
		return []statement{{"ALTER TABLE addresses DELETE WHERE " + where, args}, rows}
	}
	rows, sets, _ := c.parts()
	var out []statement
	if len(rows) > 0 {
		out = append(out, statement{fmt.Sprintf("ALTER TABLE events DELETE WHERE %s AND (%s)", where, strings.Join(rows, " OR ")), args})
	}
	if len(sets) > 0 {
		out = append(out, statement{fmt.Sprintf("ALTER TABLE events UPDATE %s WHERE %s", strings.Join(sets, ", "), where), args})
	}
	if networks := c.networks(); networks != "" {
		of, args := c.consents()
		out = append(out, statement{"ALTER TABLE addresses DELETE WHERE " + of + " AND (" + networks + ")", args})
	}
	return out
}

// networks says which of the consent's networks go with the lost fields: those
// of rows that go, those that name the session, or all. No row of the new choice
// has such a network.
func (c change) networks() string {
	var which []string
	for _, f := range consent.Fields(c.jobs[0].Lost).List() {
		if n := lost[f].networks; n != "" {
			which = append(which, n)
		}
	}
	return strings.Join(which, " OR ")
}

// counts ask how much of what must go is still there, by consent.
func (c change) counts() []statement {
	where, args := c.where()
	if c.kind != writer.EraseNarrowed {
		out := []statement{count("events", where, args)}
		if c.kind == writer.EraseWithdrawn {
			out = append(out, count("addresses", where, args))
		}
		return out
	}
	rows, _, holds := c.parts()
	var out []statement
	if holds = append(holds, rows...); len(holds) > 0 {
		out = append(out, count("events", where+" AND ("+strings.Join(holds, " OR ")+")", args))
	}
	if networks := c.networks(); networks != "" {
		of, args := c.consents()
		out = append(out, count("addresses", of+" AND ("+networks+")", args))
	}
	return out
}

func count(table, where string, args []any) statement {
	return statement{"SELECT consent_id, count() FROM " + table + " WHERE " + where + " GROUP BY consent_id", args}
}
