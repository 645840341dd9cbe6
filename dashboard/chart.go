package dashboard

import (
	"math"

	"kelisim/dashboard/report"
)

// The chart is drawn in its own units and stretched to the width of the page;
// words stand beside it in HTML, so that they are not stretched.
const (
	chartWidth  = 1000
	chartHeight = 240
	barGap      = 0.16 // of a day's width
)

// chart is a bar chart over the days of a period.
type chart struct {
	Title, Desc string
	Bars        []bar
	Ticks       []string // from the top down
	Days        []string // along the axis
	Lines       []float64
	Joined      bool // some bar covers several days
	Rows        []cell
}

// bar is a stretch of days. Its height is what falls on one day, so that its
// area stands for the whole.
type bar struct {
	X, Y, Width, Height float64
	Title               string
}

type cell struct{ Label, Value string }

func (w words) chart(m report.Metric, p period, rows []report.Row) chart {
	c := chart{Title: w.t["show_"+string(m)], Desc: w.t["chart_desc"]}
	var largest float64
	for _, r := range rows {
		largest = math.Max(largest, perDay(m, r))
	}
	top := niceTop(largest)
	slot := float64(chartWidth) / float64(p.To-p.From+1)
	for _, r := range rows {
		height := perDay(m, r) / top * chartHeight
		label, value := w.span(r.First, r.Last), w.value(m, r.Value)
		c.Bars = append(c.Bars, bar{
			X: round(float64(r.First-p.From)*slot + slot*barGap/2), Width: round(float64(r.Days())*slot - slot*barGap),
			Y: round(chartHeight - height), Height: round(height),
			Title: label + ": " + value,
		})
		c.Rows = append(c.Rows, cell{Label: label, Value: value})
		c.Joined = c.Joined || r.Days() > 1
	}
	for _, part := range []float64{1, 0.5, 0} {
		c.Ticks = append(c.Ticks, w.value(m, uint64(top*part)))
		c.Lines = append(c.Lines, round(chartHeight*(1-part)))
	}
	for _, d := range marks(p) {
		c.Days = append(c.Days, w.mark(d))
	}
	return c
}

// marks picks the days that are named along the axis, as evenly as whole days
// allow.
func marks(p period) []report.Day {
	steps := int(p.To - p.From)
	if steps == 0 {
		return []report.Day{p.From}
	}
	parts := min(4, steps)
	for _, even := range []int{4, 3, 2} {
		if steps%even == 0 {
			parts = even
			break
		}
	}
	var days []report.Day
	for i := range parts + 1 {
		days = append(days, p.From+report.Day(math.Round(float64(steps*i)/float64(parts))))
	}
	return days
}

// perDay is how high a bar is: an average stays what it is, a sum is spread.
func perDay(m report.Metric, r report.Row) float64 {
	if m == report.EngagedTime {
		return float64(r.Value)
	}
	return float64(r.Value) / float64(r.Days())
}

// niceTop is the end of the axis: an even round number not below the largest
// value.
func niceTop(largest float64) float64 {
	if largest <= 2 {
		return 2
	}
	scale := math.Pow(10, math.Floor(math.Log10(largest)))
	for _, step := range []float64{1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10} {
		if top := step * scale; top >= largest && math.Mod(math.Round(top*10), 20) == 0 {
			return math.Round(top)
		}
	}
	return 10 * scale
}

func round(x float64) float64 { return math.Round(x*100) / 100 }
