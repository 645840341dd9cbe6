package query_test

import (
	"math"
	"slices"
	"time"

	"kelisim/dashboard/report"
)

// The reference model: what a report must say, in the plainest way, from all
// that is known. It also says which facts each figure counts, so that a test can
// subtract figures from one another and see whom the rest stands for.

// event is one row of the events table as a test knows it.
type event struct {
	at      time.Time
	person  int // consent
	session int
	seq     int
	name    string
	visitor bool
	labels  map[report.Dimension]string
	ms      int
}

// fact is one thing counted.
type fact struct {
	key    [4]int // tells it from every other fact of its metric
	day    report.Day
	label  string
	person int
	amount int
}

func facts(events []event, zone *time.Location, m report.Metric, by report.Dimension) []fact {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	var all []fact
	seen := map[[4]int]int{}
	for i, e := range events {
		f := fact{key: [4]int{i}, day: report.DayOf(e.at, zone), label: e.labels[by], person: e.person, amount: 1}
		switch {
		case m == report.PageViews && e.name == "pageview", m == report.Visitors && e.name == "pageview" && e.visitor:
			all = append(all, f)
		case m == report.Sessions && e.name == "pageview" && e.session != 0:
			f.key = [4]int{e.person, e.session}
			if _, again := seen[f.key]; !again {
				seen[f.key] = len(all)
				all = append(all, f)
			}
		case m == report.EngagedTime && e.name == "engagement":
			f.key, f.amount = [4]int{e.person, e.session, e.seq}, e.ms
			if at, again := seen[f.key]; again {
				all[at].amount = max(all[at].amount, e.ms)
			} else {
				seen[f.key] = len(all)
				all = append(all, f)
			}
		}
	}
	return all
}

type block struct{ first, last report.Day }

func month(d report.Day) int { y, m, _ := d.Date(); return y*12 + int(m) }

func people(all []fact) int {
	distinct := map[int]bool{}
	for _, f := range all {
		distinct[f.person] = true
	}
	return len(distinct)
}

func within(all []fact, b block) []fact {
	var in []fact
	for _, f := range all {
		if f.day >= b.first && f.day <= b.last {
			in = append(in, f)
		}
	}
	return in
}

// blocks joins the days of each month until they hold k people.
func blocks(all []fact, k int) []block {
	var days []report.Day
	for _, f := range all {
		if !slices.Contains(days, f.day) {
			days = append(days, f.day)
		}
	}
	slices.Sort(days)
	var done []block
	open := block{first: -1}
	for _, d := range days {
		if open.first < 0 || month(open.first) != month(d) {
			open.first = d
		}
		open.last = d
		if people(within(all, open)) >= k {
			done = append(done, open)
			open.first = -1
		}
	}
	return done
}

// figure is a published number with the facts it counts.
type figure struct {
	value uint64
	facts []fact
}

// answer is what the model publishes about one question.
type answer struct {
	total  figure
	known  bool
	blocks map[block]figure  // by day
	labels map[string]figure // by another dimension
}

func reference(events []event, zone *time.Location, k int, m report.Metric, by report.Dimension, from, to report.Day) answer {
	all := facts(events, zone, m, by)
	a := answer{blocks: map[block]figure{}, labels: map[string]figure{}}
	counted := 0
	for _, b := range blocks(all, k) {
		if b.first < from || b.last > to {
			continue
		}
		counted++
		for label, group := range publish(within(all, b), k) {
			old := a.labels[label]
			a.labels[label] = figure{facts: append(old.facts, group...)}
			a.total.facts = append(a.total.facts, group...)
			if by == report.ByDay {
				a.blocks[b] = figure{facts: group, value: count(m, group, 1)}
			}
		}
	}
	step := 1
	if m == report.Visitors && counted > 1 {
		step = k
	}
	a.known = len(a.total.facts) > 0
	a.total.value = count(m, a.total.facts, step)
	for label, one := range a.labels {
		one.value = count(m, one.facts, 1)
		a.labels[label] = one
	}
	return a
}

// publish picks the groups of one block that may be shown.
func publish(all []fact, k int) map[string][]fact {
	groups := map[string][]fact{}
	for _, f := range all {
		groups[f.label] = append(groups[f.label], f)
	}
	var labels []string
	for label := range groups {
		labels = append(labels, label)
	}
	slices.SortFunc(labels, func(x, y string) int {
		if d := people(groups[x]) - people(groups[y]); d != 0 {
			return d
		}
		return slices.Compare([]byte(x), []byte(y))
	})
	shown := map[string][]fact{}
	var below []fact
	for _, label := range labels {
		if hidden := people(below); people(groups[label]) >= k {
			shown[label] = groups[label]
			if hidden > 0 && hidden < k {
				shown[label] = append(below[:len(below):len(below)], groups[label]...)
			}
		}
		below = append(below, groups[label]...)
	}
	return shown
}

func count(m report.Metric, all []fact, step int) uint64 {
	sum := 0
	for _, f := range all {
		sum += f.amount
	}
	switch {
	case m == report.Visitors:
		return uint64(people(all) / step * step)
	case m == report.EngagedTime && len(all) > 0:
		return uint64(math.RoundToEven(float64(sum) / float64(len(all)) / 1000))
	case m == report.EngagedTime:
		return 0
	default:
		return uint64(sum)
	}
}
