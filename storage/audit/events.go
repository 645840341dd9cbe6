package audit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"kelisim/consent"
)

//go:embed events.sql
var eventsSQL string

// judge is the SQL that gives each event of a range its verdict.
type judge struct {
	span span
	sql  string
	args []any
}

// judge binds the SQL to a range and to what its site permits.
func (r *run) judge(s span, p *permissions) judge {
	number := func(v verdict) string { return strconv.Itoa(int(v)) }
	text := strings.NewReplacer(
		"/*range*/", s.condition(), "/*class*/", classSQL, "/*held*/", held(), "/*needed*/", needed(), "/*short*/", shortSQL,
		"/*origins*/", number32(consent.FieldsOf(consent.FieldReferrer, consent.FieldCampaign)), "/*derived*/", number32(derivedBit),
		"/*address*/", number32(consent.FieldsOf(consent.FieldAddress)), "/*undeclaring*/", p.undeclaring(),
		"/*rest*/", restSQL, "/*never*/", strconv.Itoa(never),
		"/*unjudged*/", number(unjudged), "/*noDecision*/", number(noDecision), "/*noEdition*/", number(noEdition),
		"/*tooEarly*/", number(tooEarly), "/*tooLate*/", number(tooLate), "/*withdrawn*/", number(withdrawn),
		"/*unerased*/", number(unerased), "/*narrowed*/", number(narrowed), "/*noPurpose*/", number(noPurpose),
		"/*notGranted*/", number(notGranted), "/*undeclared*/", number(undeclared), "/*longKept*/", number(longKept),
		"/*addressLongKept*/", number(addressLongKept), "/*inOrder*/", number(inOrder),
	).Replace(eventsSQL)
	now := r.moment.now
	return judge{span: s, sql: text, args: append(p.args(),
		named("site", s.site), named("judged", r.moment.judged.UnixMilli()), named("future", now.Add(skew).UnixMilli()),
		named("overdue", now.Add(-r.o.Late).UnixMilli()), named("now", now.UnixMilli()),
	)}
}

// restSQL tells an event from the others of its consent, as a network of an
// address names it.
const restSQL = "cityHash64(session_id, seq, name)"

func number32(f consent.Fields) string { return strconv.FormatUint(uint64(f), 10) }

// args are the classes as arrays; the place 0 is for a class that came up since
// they were listed.
func (p *permissions) args() []any {
	hashes, indices := []uint64{0}, []int{0}
	columns := map[string][]int{}
	add := func(c class, edition int) {
		for name, v := range map[string]int{
			"editions": edition, "allowed": int(licensed(c.allowed.Fields)), "offered": int(licensed(c.offered)), "quiet": int(licensed(c.quiet.Fields)),
			"days": c.allowed.Days, "longdays": max(c.allowed.Days, c.quiet.Days),
			"addressdays": c.allowed.AddressDays, "longaddressdays": max(c.allowed.AddressDays, c.quiet.AddressDays),
		} {
			columns[name] = append(columns[name], v)
		}
	}
	add(class{}, 0)
	for i, c := range p.classes {
		hashes, indices = append(hashes, c.Hash), append(indices, i+1)
		add(c, p.number(c.Edition))
	}
	args := []any{named("hashes", hashes), named("indices", indices), named("unknown", p.unknown)}
	for name, values := range columns {
		args = append(args, named(name, values))
	}
	return args
}

// undeclaring is SQL for whether a row is of an event, or has a property, that its
// edition does not declare. Where none of the site's is, nothing has to be asked.
func (p *permissions) undeclaring() string {
	if len(p.undeclared) == 0 {
		return "false"
	}
	var out []string
	for _, d := range append(p.undeclared, property{}, property{}) { // at least two, so that they read as a list
		out = append(out, fmt.Sprintf("(%d, %s, %s)", d.edition, quoted(d.event), quoted(d.name)))
	}
	return "arrayExists(p -> (edition, name, p) IN (" + strings.Join(out, ", ") + "), arrayPushBack(mapKeys(props), ''))"
}

func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// part judges one range: its events, repeats among them, and its addresses.
func (r *run) part(ctx context.Context, s span, p *permissions) error {
	j := r.judge(s, p)
	var groups []struct {
		Verdict  uint8     `ch:"verdict"`
		Day      time.Time `ch:"on_day"`
		Live     bool      `ch:"live"`
		N        uint64    `ch:"n"`
		Networks uint64    `ch:"networks"`
	}
	query := "SELECT verdict, if(verdict = 0, toDate(day), toDate(0)) AS on_day, verdict = 0 AND expires_at > fromUnixTimestamp64Milli(@now) AS live, " +
		"count() AS n, countIf(network) AS networks FROM (" + j.sql + ") GROUP BY verdict, on_day, live ORDER BY verdict"
	err := r.o.Conn.Select(r.context(ctx), &groups, query, j.args...)
	if tooLarge(err) && s.high-s.low > 1 { // for the memory that is there: nothing is counted of it yet
		for _, half := range s.split(2) {
			if err := r.part(ctx, half, p); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: judge events: %w", err)
	}
	var networks uint64
	for _, g := range groups {
		r.report.Judged += g.N
		networks += g.Networks
		switch g.Verdict {
		case inOrder:
			if g.Live {
				r.count(s.site, g.Day, g.N)
			}
		case unjudged:
			r.report.Judged -= g.N
			r.report.Young += g.N
		case noDecision:
			if err := r.strangers(ctx, j, g.N); err != nil {
				return err
			}
		default:
			examples, err := r.examples(ctx, j, g.Verdict, "true", r.room(ruleOf(g.Verdict)))
			if err != nil {
				return err
			}
			r.found(ruleOf(g.Verdict), g.N, examples...)
		}
	}
	if err := r.doubled(ctx, j); err != nil {
		return err
	}
	return r.orphans(ctx, s, networks)
}

// tooLarge reports whether a query wanted more memory than it may take.
func tooLarge(err error) bool {
	var exception *clickhouse.Exception
	return errors.As(err, &exception) && exception.Code == memoryLimit
}

const memoryLimit = 241 // MEMORY_LIMIT_EXCEEDED

// count adds live rows that break no rule.
func (r *run) count(site string, day time.Time, n uint64) {
	if r.orderly[site] == nil {
		r.orderly[site] = map[time.Time]uint64{}
	}
	r.orderly[site][dayOf(day)] += n
}

// uncount takes rows away again that turn out to break a rule after all.
func (r *run) uncount(site string, day time.Time, n uint64) {
	there := r.orderly[site][dayOf(day)]
	if there > 0 {
		r.orderly[site][dayOf(day)] = there - min(there, n)
	}
}

// strangers tells rows whose decision is on another site from rows whose
// decision is nowhere.
func (r *run) strangers(ctx context.Context, j judge, all uint64) error {
	elsewhere := "consent_id IN (SELECT consent_id FROM consents WHERE site != @site AND " + j.span.condition() + ")" +
		" AND consent_id NOT IN (SELECT consent_id FROM consents WHERE site = @site AND " + j.span.condition() + ")"
	foreign, err := r.number(ctx, r.o.Conn, fmt.Sprintf("SELECT countIf(%s) FROM (%s) WHERE verdict = %d", elsewhere, j.sql, noDecision), j.args...)
	if err != nil {
		return err
	}
	foreign = min(foreign, all) // rows may have come or gone since
	for rule, n := range map[string]uint64{ruleSite: foreign, ruleDecision: all - foreign} {
		if n == 0 {
			continue
		}
		condition := elsewhere
		if rule == ruleDecision {
			condition = "NOT (" + elsewhere + ")"
		}
		examples, err := r.examples(ctx, j, noDecision, condition, r.room(rule))
		if err != nil {
			return err
		}
		r.found(rule, n, examples...)
	}
	return nil
}

// examples finds some rows of a verdict.
func (r *run) examples(ctx context.Context, j judge, v verdict, condition string, n int) ([]Example, error) {
	if n == 0 {
		return nil, nil
	}
	var rows []struct {
		ConsentID uuid.UUID `ch:"consent_id"`
		Number    uint32    `ch:"number"`
		Time      time.Time `ch:"time"`
		Name      string    `ch:"name"`
		Expires   time.Time `ch:"expires_at"`
		Held      []string  `ch:"held"`
		Blamed    uint32    `ch:"blamed"`
	}
	query := fmt.Sprintf(`SELECT consent_id, number, time, toString(name) AS name, expires_at, held,
    toUInt32(multiIf(verdict = %d, bitAnd(excess, bitNot(offered)), verdict = %d, excess, verdict = %d, bitAnd(fields, lost), 0)) AS blamed
FROM (%s) WHERE verdict = %d AND %s ORDER BY consent_id, time LIMIT %d`, noPurpose, notGranted, narrowed, j.sql, v, condition, n)
	if err := r.o.Conn.Select(r.context(ctx), &rows, query, j.args...); err != nil {
		return nil, fmt.Errorf("audit: examples: %w", err)
	}
	var out []Example
	for _, row := range rows {
		e := Example{Site: j.span.site, ConsentID: &row.ConsentID, Number: row.Number, Time: &row.Time, Event: printable(row.Name)}
		if row.Blamed != 0 {
			e.Columns = beyond(row.Held, consent.Fields(row.Blamed))
		}
		if v == longKept || v == addressLongKept {
			e.Expires = &row.Expires
		}
		out = append(out, e)
	}
	return out, nil
}

// printable is the name of an event as it may stand on a terminal.
func printable(name string) string {
	if len(name) > maxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return "(not a name)"
	}
	return name
}

const maxName = 40

// identity is what tells an event from every other one, as the writer tells it.
const identity = "consent_id, session_id, seq, name, multiIf(name = 'engagement', toInt64(engaged_ms), session_id = " + noSession +
	", toUnixTimestamp64Milli(time), toInt64(0))"

// doubled looks for events that stand twice. Rows that break another rule are no
// repeats of an event.
func (r *run) doubled(ctx context.Context, j judge) error {
	where := " WHERE site = @site AND " + j.span.condition()
	repeats, err := r.number(ctx, r.o.Conn, "SELECT toUInt64(count() - uniqExact(cityHash64("+identity+"))) FROM events"+where, named("site", j.span.site))
	if err != nil || repeats == 0 {
		return err
	}
	var rows []struct {
		ConsentID uuid.UUID `ch:"consent_id"`
		Name      string    `ch:"event"`
		N         uint64    `ch:"n"`
		Time      time.Time `ch:"first"`
	}
	query := fmt.Sprintf("SELECT consent_id, toString(any(name)) AS event, count() AS n, min(time) AS first FROM (%s) WHERE verdict IN (%d, %d) "+
		"GROUP BY %s HAVING n > 1 ORDER BY first", j.sql, inOrder, unjudged, identity)
	if err := r.o.Conn.Select(r.context(ctx), &rows, query, j.args...); err != nil {
		return fmt.Errorf("audit: events that stand twice: %w", err)
	}
	for i := range rows {
		r.uncount(j.span.site, rows[i].Time, rows[i].N-1)
		r.found(ruleDoubled, rows[i].N-1, Example{
			Site: j.span.site, ConsentID: &rows[i].ConsentID, Time: &rows[i].Time, Event: printable(rows[i].Name),
			Note: strconv.FormatUint(rows[i].N, 10) + " times",
		})
	}
	return nil
}
