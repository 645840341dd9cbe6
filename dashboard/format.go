package dashboard

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"kelisim/banner/locale"
	"kelisim/dashboard/report"
)

// withheldSign stands where a figure may not be shown.
const withheldSign = "–"

// words writes figures and dates in one language.
type words struct {
	lang string
	t    texts
}

// figure writes a figure of a metric, or a dash when it may not be shown.
func (w words) figure(m report.Metric, f report.Figure) string {
	if !f.Known {
		return withheldSign
	}
	return w.value(m, f.Value)
}

func (w words) value(m report.Metric, n uint64) string {
	if m == report.EngagedTime {
		key := "duration"
		if n < 60 {
			key = "duration_short"
		}
		return strings.NewReplacer(
			"{m}", strconv.FormatUint(n/60, 10), "{s}", strconv.FormatUint(n%60, 10)).Replace(w.t[key])
	}
	return locale.Integer(w.lang, int64(n))
}

func (w words) share(part, whole uint64) string {
	if whole == 0 {
		return withheldSign
	}
	return locale.Percent(w.lang, float64(part)/float64(whole), 1)
}

// day writes a date in digits, dayInWords with the name of the month.
func (w words) day(d report.Day) string {
	return locale.ShortDate(w.lang, asTime(d))
}

func (w words) dayInWords(d report.Day) string {
	return locale.Date(w.lang, asTime(d))
}

// mark writes a day along an axis, where there is little room.
func (w words) mark(d report.Day) string {
	_, month, day := d.Date()
	if w.lang == locale.EN {
		return strconv.Itoa(day) + " " + month.String()[:3]
	}
	return fmt.Sprintf("%02d.%02d", day, int(month))
}

// span writes the days a row covers.
func (w words) span(first, last report.Day) string {
	if first == last {
		return w.day(first)
	}
	return w.day(first) + " – " + w.day(last)
}

// label writes the name of a group.
func (w words) label(by report.Dimension, label string) string {
	switch {
	case by == report.BySource && label == "":
		return w.t["direct"]
	case label == "":
		return w.t["not_recorded"]
	case by == report.ByCountry:
		return locale.Country(w.lang, label)
	case by == report.ByDevice:
		return w.known(label, label)
	case by == report.ByReason:
		return w.known("reason_"+label, label)
	case by == report.ByDetail:
		reason, detail, _ := strings.Cut(label, "/")
		if detail == "" {
			return w.t["not_recorded"] // counted before details were
		}
		return w.known("detail_"+reason+"_"+detail, detail)
	case by == report.ByChoice:
		return w.known("choice_"+label, label)
	default:
		return label
	}
}

func (w words) known(key, otherwise string) string {
	if s, ok := w.t[key]; ok {
		return s
	}
	return otherwise
}

func asTime(d report.Day) time.Time {
	y, m, day := d.Date()
	return time.Date(y, m, day, 0, 0, 0, 0, time.UTC)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
