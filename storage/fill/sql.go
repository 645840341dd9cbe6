package fill

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed events.sql
var eventsSQL string

// visitorsSQL is some of the visitors, who are numbers: the days they come on, and
// their consent. The ids rise with the number, so that rows are made in the order
// they lie in; they are as random as any within that.
func (f *filling) visitorsSQL(from, to uint64) string {
	return strings.NewReplacer(
		"{seed}", number(f.o.Seed), "{days}", strconv.Itoa(f.o.Days), "{steps}", strconv.Itoa(max(1, (f.o.Days-1)/(mostVisits-1))),
		"{counts}", list(visitCounts(), strconv.Itoa), "{gap}", number((1<<62)/f.visitors), "{from}", number(from), "{count}", number(to-from),
		"{first}", quote(f.date(0).Format(time.DateOnly)), "{term}", strconv.Itoa(f.o.Policy.TermMonths),
	).Replace(`
SELECT visitor, person, visits, step, since,
    bitShiftRight(person, 56) % 8 != 0 AS whole,
    reinterpret(bitOr(bitShiftLeft(toUInt128(9223372036854775808 + visitor * {gap} + cityHash64(person, 'id') % {gap}), 64),
        toUInt128(bitOr(bitAnd(cityHash64(person, 'head'), 18446744073709490175), 16384))), 'UUID') AS consent_id,
    toDate({first}) + arrayMin(arrayMap(i -> (since + i * step) % {days}, range(visits))) AS met,
    addMonths(toStartOfMonth(met), {term}) AS last
FROM
(
    SELECT visitor, person, least({counts}[habit % 20 + 1], {days}) AS visits,
        bitShiftRight(habit, 8) % {steps} + 1 AS step, bitShiftRight(habit, 24) % {days} AS since
    FROM
    (
        SELECT visitor, person, cityHash64(person, 'habit') AS habit
        FROM (SELECT number AS visitor, cityHash64({seed}, number) AS person FROM numbers_mt({from}, {count}))
    )
)`)
}

// beginsSQL is when a visitor's visit of a day begins: by day, in Kazakhstan.
const beginsSQL = "toUnixTimestamp64Milli(toDateTime64(on_day, 3, 'UTC')) + 7200000 + " +
	"cityHash64(session, 'early') % 30600000 + cityHash64(session, 'late') % 30600000"

// visitsSQL is the visits of a day by some of the visitors.
func (f *filling) visitsSQL(day int, from, to uint64) string {
	return strings.NewReplacer(
		"{visitors}", f.visitorsSQL(from, to), "{day}", strconv.Itoa(day), "{days}", strconv.Itoa(f.o.Days),
		"{date}", quote(f.date(day).Format(time.DateOnly)), "{begins}", beginsSQL,
	).Replace(`
SELECT person, whole, consent_id, last, session, {begins} AS begins,
    reinterpret(bitOr(bitShiftLeft(toUInt128(bitOr(bitAnd(cityHash64(session, 'tail'), 4611686018427387903), 9223372036854775808)), 64),
        toUInt128(bitOr(bitAnd(cityHash64(session, 'head'), 18446744073709490175), 16384))), 'UUID') AS session_id
FROM
(
    SELECT *, toDate({date}) AS on_day, cityHash64(person, toUInt32(on_day)) AS session
    FROM (SELECT *, ({day} + {days} - since) % {days} AS nth FROM ({visitors}))
    WHERE nth % step = 0 AND intDiv(nth, step) < visits
)`)
}

// facts is the inner SELECT of everything that is filled in of a day.
func (f *filling) facts(day int, from, to uint64) string {
	acts := "false"
	if f.acts {
		acts = "true"
	}
	return strings.NewReplacer("/*acts*/", acts, "/*paths*/", strconv.Itoa(f.o.Paths), "/*visits*/", f.visitsSQL(day, from, to)).Replace(eventsSQL)
}

// events inserts the events of a day.
func (f *filling) events(day int, from, to uint64) string {
	names, sql := f.licence.list()
	kinds, props := f.declared()
	sql = strings.NewReplacer(
		"{site}", quote(f.o.Policy.Site), "{path}", "pages[least(path, "+strconv.Itoa(f.o.Paths)+")]",
		"{name}", "multiIf(kind = 0, 'pageview', kind = 1, 'engagement', "+kinds+"[turn % length("+kinds+") + 1])",
		"{props}", "CAST(if("+props+"[turn % length("+props+") + 1] = '', map(), map("+props+"[turn % length("+props+") + 1], "+
			"concat('value', toString(bitShiftRight(turn, 32) % 12)))), 'Map(LowCardinality(String), String)')",
		"{days}", f.term(f.licence.whole.Days, f.licence.part.Days), "{now}", "toDateTime("+number(uint64(f.o.Now.Unix()))+", 'UTC')",
		"{network_ends}", "toDateTime(least(toDate(at) + "+f.term(f.licence.whole.AddressDays, f.licence.part.AddressDays)+", last), 'UTC')",
	).Replace(sql)
	return "INSERT INTO events (" + names + ")\nWITH (SELECT groupArray(concat('/', ['kk', 'ru', 'en'][intHash32(number) % 3 + 1], '/', " +
		"['news', 'catalog', 'services', 'help', 'blog', 'events', 'about'][intHash32(number + 7) % 7 + 1], '/', " +
		"lower(hex(intHash32(number + 11))), '-', toString(number))) FROM numbers(" + strconv.Itoa(f.o.Paths) + ")) AS pages\nSELECT " +
		sql + "\nFROM (" + f.facts(day, from, to) + ")"
}

// declared are the names of the declared events, and of each one a property, as
// SQL arrays.
func (f *filling) declared() (names, props string) {
	if !f.acts {
		return "['']", "['']"
	}
	n := slices.Sorted(maps.Keys(f.o.Policy.Events))
	var p []string
	for _, name := range n {
		p = append(p, append(slices.Clone(f.o.Policy.Events[name]), "")[0])
	}
	return list(n, quote), list(p, quote)
}

// term is SQL for how many days something is kept.
func (f *filling) term(whole, part int) string {
	if whole == part {
		return strconv.Itoa(whole)
	}
	return fmt.Sprintf("if(whole, %d, %d)", whole, part)
}

// decisions inserts the decision that each visitor made a moment before their
// first visit.
func (f *filling) decisions() string {
	items := func(ids []string) string { return list(ids, quote) }
	return strings.NewReplacer(
		"{visitors}", f.visitorsSQL(0, f.visitors), "{begins}", beginsSQL, "{site}", quote(f.o.Policy.Site), "{edition}", quote(f.o.Policy.HashString()),
		"{all}", items(f.edition.IDs(f.edition.All())), "{first}", items([]string{f.o.Policy.Purposes[0].ID}),
		"{proof}", strconv.Itoa(f.o.Policy.ProofDays), "{node}", quote(node),
	).Replace(`
INSERT INTO consents (site, consent_id, number, state, action, channel, edition, lang, gpc, items, time, expires_at, node, node_seq, commitment, keep_until)
SELECT {site}, consent_id, 1, 'ConsentGiven', if(whole, 'accept_all', 'custom'), 'web', {edition}, ['kk', 'ru', 'ru', 'en'][person % 4 + 1], false,
    if(whole, {all}, {first}), fromUnixTimestamp64Milli(toInt64(begins - 2000 - person % 60000), 'UTC'), toDateTime(last, 'UTC'), {node}, visitor,
    unhex(concat(hex(sipHash128(person, 1)), hex(sipHash128(person, 2)))), toDateTime(last + {proof}, 'UTC')
FROM
(
    SELECT *, met AS on_day, cityHash64(person, toUInt32(on_day)) AS session, {begins} AS begins
    FROM ({visitors})
)`)
}

// outcomes inserts how many events were counted as stored.
func (f *filling) outcomes() string {
	return fmt.Sprintf(`INSERT INTO outcomes (site, day, outcome, n, node, node_seq, expires_at)
SELECT site, toDate(time) AS day, 'stored', count(), %s, toUInt32(day), toDateTime(day, 'UTC') + INTERVAL 25 MONTH
FROM events WHERE site = %s GROUP BY site, day`, quote(node), quote(f.o.Policy.Site))
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func quote(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" }

// list is an SQL array.
func list[T any](of []T, sql func(T) string) string {
	var parts []string
	for _, v := range of {
		parts = append(parts, sql(v))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
