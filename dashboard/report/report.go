// Package report holds the words of a report: what can be asked and what an
// answer looks like. The dashboard asks in them, storage/query answers in them,
// and neither needs the other's machinery for it.
//
// No type in it can hold an identifier, and a figure that may not be shown is
// absent from an answer, not zero.
package report

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Metric is something that is counted.
type Metric string

// The metrics. The first four speak of visitors who gave consent; the last
// three are counters.
const (
	Visitors    Metric = "visitors"     // distinct consents that may count as a visitor
	Sessions    Metric = "sessions"     // visits
	PageViews   Metric = "page_views"   // pages opened
	EngagedTime Metric = "engaged_time" // mean engaged time of a page view, in seconds
	Banner      Metric = "banner"       // banners shown, and what people chose
	Withdrawn   Metric = "withdrawn"    // consents taken back
	Dropped     Metric = "dropped"      // events that were not stored
)

// Dimension is what a metric is broken down by.
type Dimension string

// The dimensions.
const (
	ByDay     Dimension = "day"     // the site's days
	ByPage    Dimension = "page"    // path of the page
	BySource  Dimension = "source"  // name or host of what the visit came from; empty = direct
	ByCountry Dimension = "country" // ISO 3166 alpha-2; empty = not recorded
	ByBrowser Dimension = "browser" // family; empty = not recorded
	ByDevice  Dimension = "device"  // class; empty = not recorded
	ByChoice  Dimension = "choice"  // accepted, refused, ignored
	ByReason  Dimension = "reason"  // reason of a drop
	ByDetail  Dimension = "detail"  // reason of a drop and what tells it apart, as bot/crawler
)

// The choices that ByChoice breaks a banner down into.
const (
	ChoiceAccepted = "accepted" // gave consent, to all or to some of the purposes
	ChoiceRefused  = "refused"
	ChoiceIgnored  = "ignored" // made no choice
)

// dimensions lists what each metric can be broken down by. Visitors and engaged
// time are absent from the breakdowns on purpose: one visitor stands in several
// groups, so that subtracting a group from the total would count the few who
// are not in it.
func dimensions(m Metric) []Dimension {
	switch m {
	case Visitors, EngagedTime, Withdrawn:
		return []Dimension{ByDay}
	case Sessions:
		return []Dimension{ByDay, BySource, ByCountry, ByBrowser, ByDevice}
	case PageViews:
		return []Dimension{ByDay, ByPage, BySource, ByCountry, ByBrowser, ByDevice}
	case Banner:
		return []Dimension{ByDay, ByChoice}
	case Dropped:
		return []Dimension{ByReason, ByDetail}
	default:
		return nil
	}
}

// MaxDays is the longest period of one report.
const MaxDays = 400

// Spec is one question.
type Spec struct {
	Site     string
	Zone     string // IANA time zone whose days are meant; empty = UTC
	From, To Day    // both included
	Metrics  []Metric
	By       Dimension
}

// Errors of Spec.Validate, for a caller to say which part was wrong.
var (
	ErrSite   = errors.New("report: no site")
	ErrPeriod = errors.New("report: the period ends before it begins, or is too long")
	ErrMetric = errors.New("report: unknown metric")
	ErrBy     = errors.New("report: this metric cannot be broken down so")
	ErrZone   = errors.New("report: unknown time zone")
)

// Validate reports the first thing that makes the question unanswerable.
func (s Spec) Validate() error {
	if s.Site == "" {
		return ErrSite
	}
	if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "Local" {
		return ErrZone
	}
	if s.To < s.From || s.To-s.From >= MaxDays {
		return ErrPeriod
	}
	if len(s.Metrics) == 0 {
		return ErrMetric
	}
	for _, m := range s.Metrics {
		allowed := dimensions(m)
		if allowed == nil {
			return ErrMetric
		}
		if !slices.Contains(allowed, s.By) {
			return fmt.Errorf("%w: %s by %s", ErrBy, m, s.By)
		}
	}
	return nil
}

// Result answers a Spec: one series for each metric, in the order asked.
type Result struct {
	AsOf   time.Time // when the database answered
	Series []Series
}

// Of finds the series of a metric; an empty one when it was not asked for.
func (r Result) Of(m Metric) Series {
	for _, s := range r.Series {
		if s.Metric == m {
			return s
		}
	}
	return Series{Metric: m}
}

// Series is the answer about one metric.
type Series struct {
	Metric Metric
	Total  Figure // over the period: what the rows add up to; distinct people for Visitors
	Rows   []Row  // by day in order of time, else the largest first
	// Withheld says that something is left out because the group is too small.
	// How much is left out is never said.
	Withheld bool
	// Rounded says that Total is rounded down to a multiple of k.
	Rounded bool
}

// Figure is a number that may be withheld. The zero value is withheld.
type Figure struct {
	Value uint64
	Known bool
}

// Row is one group, or one stretch of days, that is large enough to be shown.
type Row struct {
	Label       string // of the group; empty in a series by day
	First, Last Day    // in a series by day; days with few visitors are joined
	Value       uint64
	// Joined says that groups too small to be shown are counted in with this one,
	// because they would otherwise follow from the total.
	Joined bool
}

// Days is how many days a row of a series by day covers.
func (r Row) Days() int { return int(r.Last-r.First) + 1 }

// Presence says why a report is empty. It holds no number.
type Presence uint8

// The reasons, in the order in which a new site meets them.
const (
	Nothing   Presence = iota // no banner was shown, nothing was counted: the script is not there
	Asked                     // banners were shown, nobody gave consent yet
	Consented                 // consent was given, no event came yet
	Elsewhere                 // there are events, none in this period
	Some                      // there are events in this period
)
