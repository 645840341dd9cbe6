package dashboard

import (
	"context"
	"sync"
	"time"

	"kelisim/dashboard/report"
)

// atOnce is how many questions of one page are asked at the same time.
const atOnce = 4

// question is one metric by one dimension.
type question struct {
	metric report.Metric
	by     report.Dimension
}

// answers is all that a page shows, by question.
type answers struct {
	asOf     time.Time
	series   map[question]report.Series
	presence report.Presence
	group    report.Metric // what the tables count: sessions, or page views where no session is permitted
}

// figures lists the metrics of the cards, in their order.
func figures() []report.Metric {
	return []report.Metric{report.Visitors, report.Sessions, report.PageViews, report.EngagedTime}
}

// ask reads everything a page shows. The period's total stands in the answer by
// day, so that chart, card and table agree.
func (d *Dashboard) ask(ctx context.Context, site Site, p period) (answers, error) {
	spec := report.Spec{Site: site.ID, Zone: site.Zone.String(), From: p.From, To: p.To}
	a := answers{series: map[question]report.Series{}}

	var first []question
	for _, m := range figures() {
		first = append(first, question{m, report.ByDay})
	}
	first = append(first,
		question{report.Banner, report.ByDay}, question{report.Banner, report.ByChoice},
		question{report.Withdrawn, report.ByDay}, question{report.Dropped, report.ByDetail})
	if err := d.askAll(ctx, site.K, spec, first, &a); err != nil {
		return answers{}, err
	}
	if a.empty() {
		var err error
		a.presence, err = d.o.Reader.Presence(ctx, spec)
		return a, err
	}
	a.group = report.Sessions
	if !a.total(report.Sessions).Known {
		a.group = report.PageViews
	}
	second := []question{{report.PageViews, report.ByPage}}
	for _, by := range []report.Dimension{report.BySource, report.ByCountry, report.ByBrowser, report.ByDevice} {
		second = append(second, question{a.group, by})
	}
	err := d.askAll(ctx, site.K, spec, second, &a)
	return a, err
}

func (d *Dashboard) askAll(ctx context.Context, k uint32, spec report.Spec, all []question, a *answers) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		fault error
		turns = make(chan struct{}, atOnce)
	)
	for _, q := range all {
		wg.Go(func() { // ends when its question is answered
			turns <- struct{}{}
			defer func() { <-turns }()
			one := spec
			one.Metrics, one.By = []report.Metric{q.metric}, q.by
			result, err := d.o.Reader.Report(ctx, k, one)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if fault == nil {
					fault = err
					cancel()
				}
				return
			}
			a.series[q] = result.Of(q.metric)
			if a.asOf.IsZero() || result.AsOf.Before(a.asOf) {
				a.asOf = result.AsOf
			}
		})
	}
	wg.Wait()
	return fault
}

// empty reports whether there is nothing about visitors to show.
func (a answers) empty() bool {
	for _, m := range figures() {
		if a.total(m).Known {
			return false
		}
	}
	return true
}

func (a answers) days(m report.Metric) report.Series { return a.series[question{m, report.ByDay}] }

func (a answers) total(m report.Metric) report.Figure { return a.days(m).Total }
