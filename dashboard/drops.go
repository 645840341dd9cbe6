package dashboard

import (
	"cmp"
	"slices"
	"strings"

	"kelisim/dashboard/report"
	"kelisim/pipeline/outcome"
)

// dropped lists why events were not stored: each reason, and below it what tells
// its events apart. The figure of a reason is the sum of those of its details
// that are shown, so that none that is withheld follows from it.
func (w words) dropped(site Site, p period, s report.Series) table {
	t := w.table(site, p, w.t["dropped_title"], report.ByDetail, report.Series{Metric: report.Dropped, Withheld: s.Withheld}, report.Figure{})
	t.Head, t.Unit = w.t["reason"], w.t["events"]
	reasons := map[string]uint64{}
	details := map[string][]report.Row{}
	for _, r := range s.Rows {
		reason, _, _ := strings.Cut(r.Label, "/")
		reasons[reason] += r.Value
		details[reason] = append(details[reason], r)
	}
	order := make([]string, 0, len(reasons))
	for reason := range reasons {
		order = append(order, reason)
	}
	slices.SortFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), strings.Compare(a, b))
	})
	lone := loneReasons()
	for _, reason := range order {
		one := func(label string, n uint64, detail bool) {
			t.Rows = append(t.Rows, group{
				Label: label, Value: w.value(report.Dropped, n), Share: w.share(n, s.Total.Value),
				Width: round(100 * float64(n) / float64(reasons[order[0]])), Detail: detail,
			})
		}
		one(w.label(report.ByReason, reason), reasons[reason], false)
		for _, r := range details[reason] {
			if !lone[reason] {
				one(w.label(report.ByDetail, r.Label), r.Value, true)
			}
		}
	}
	return t
}

// loneReasons are the reasons that have one detail, which says nothing more.
func loneReasons() map[string]bool {
	n := map[outcome.Reason]int{}
	for _, o := range outcome.All() {
		n[o.Reason()]++
	}
	lone := map[string]bool{}
	for reason, details := range n {
		lone[reason.String()] = details == 1
	}
	return lone
}
