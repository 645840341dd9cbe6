package dashboard

import (
	"net/url"

	"kelisim/dashboard/report"
)

// table is a list of groups, the largest first.
type table struct {
	ID       string
	Title    string
	Head     string // of the groups
	Unit     string // of the figures
	Rows     []group
	More     bool // there are more rows than the page shows
	Withheld bool // some groups are too small to be shown
	CSV      string
}

type group struct {
	Label, Value, Share string
	Width               float64 // of the bar, in per cent of the largest
	Detail              bool    // a part of the group above it
}

// table lists the groups of a series. Shares are of the period's total, or, where
// there is none, of what is shown.
func (w words) table(site Site, p period, title string, by report.Dimension, s report.Series, total report.Figure) table {
	t := table{ID: string(by), Title: title, Head: title, Unit: w.t[string(s.Metric)], Withheld: s.Withheld}
	query := url.Values{"site": {site.ID}, "metrics": {string(s.Metric)}, "by": {string(by)}, "format": {"csv"}}
	query.Set("from", p.From.String())
	query.Set("to", p.To.String())
	t.CSV = "/api/v1/report?" + query.Encode()
	if !total.Known {
		total = s.Total
	}
	for i, r := range s.Rows {
		if i == tableRows {
			t.More = true
			break
		}
		label := w.label(by, r.Label)
		if r.Joined {
			label = w.t.with("joined_label", "label", label)
		}
		t.Rows = append(t.Rows, group{
			Label: label, Value: w.value(s.Metric, r.Value),
			Share: w.share(r.Value, total.Value),
			Width: round(100 * float64(r.Value) / float64(s.Rows[0].Value)),
		})
	}
	return t
}

// consentView is what people chose at the banner.
type consentView struct {
	Known    bool // enough banners were shown
	Shown    string
	Withdrew string
	Rate     string // of consent
	Refusal  string // rate of refusal
	Parts    []part
	Withheld bool
}

// stackWidth is the width of the bar of all choices, in its own units.
const stackWidth = 1000

// part is one choice, as a stretch of one bar.
type part struct {
	Label, Value, Share string
	Kind                string // names its colour
	X, Width            float64
}

// consent lays out the choices. Their shares are of the banners whose outcome may
// be shown, so that they add up to the whole.
func (w words) consent(a answers) consentView {
	shown := a.series[question{report.Banner, report.ByDay}].Total
	choices := a.series[question{report.Banner, report.ByChoice}]
	withdrawn := a.series[question{report.Withdrawn, report.ByDay}]
	v := consentView{
		Known: shown.Known, Shown: w.figure(report.Banner, shown),
		Withdrew: w.figure(report.Withdrawn, withdrawn.Total),
		Rate:     withheldSign, Refusal: withheldSign, Withheld: choices.Withheld || withdrawn.Withheld,
	}
	counts := map[string]report.Figure{}
	for _, r := range choices.Rows {
		counts[r.Label] = report.Figure{Value: r.Value, Known: true}
	}
	var x float64
	for _, kind := range []string{report.ChoiceAccepted, report.ChoiceRefused, report.ChoiceIgnored} {
		n := counts[kind]
		one := part{Label: w.label(report.ByChoice, kind), Value: w.figure(report.Banner, n), Kind: kind, X: round(x), Share: withheldSign}
		if n.Known {
			one.Share = w.share(n.Value, choices.Total.Value)
			one.Width = round(stackWidth * float64(n.Value) / float64(max(1, choices.Total.Value)))
			x += one.Width
		}
		switch kind {
		case report.ChoiceAccepted:
			v.Rate = one.Share
		case report.ChoiceRefused:
			v.Refusal = one.Share
		}
		v.Parts = append(v.Parts, one)
	}
	return v
}
