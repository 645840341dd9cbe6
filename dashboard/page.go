package dashboard

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/banner/locale"
	"kelisim/dashboard/report"
)

const (
	askTimeout = 20 * time.Second
	tableRows  = 10 // rows of a table on the page; the CSV file has them all
)

// reportView is what the report page shows.
type reportView struct {
	frame
	Title   string
	SiteID  string
	Sites   []link
	Period  periodView
	AsOf    string
	Zone    string
	Failed  bool
	Retry   string
	Empty   *emptyView
	Cards   []card
	Chart   chart
	Note    string
	Tables  []table
	Consent consentView
	Dropped table
}

type periodView struct {
	Text     string
	From, To string
	Presets  []link
	Wrong    bool
	Show     string
}

// card is one figure; it links to the chart of its metric.
type card struct {
	Label, Value, Note, URL string
	Current                 bool
}

// emptyView says why there is nothing to see and what to do.
type emptyView struct{ Title, Text, Tag string }

func (d *Dashboard) showReport(c *fiber.Ctx) error {
	site, ok := d.site(c.Query("site"))
	if !ok {
		return c.Redirect("/", fiber.StatusSeeOther)
	}
	p := readPeriod(c, report.DayOf(d.now(), site.Zone))
	show := readShow(c)
	query := url.Values{"site": {site.ID}, "show": {string(show)}}
	p.query(query)

	v := reportView{frame: d.frame(c, "/", query), Title: site.name(d.lang(c)), SiteID: site.ID}
	w := words{lang: v.Lang, t: v.T}
	for _, s := range *d.sites.Load() {
		v.Sites = append(v.Sites, link{Label: s.name(v.Lang), URL: s.ID, Current: s.ID == site.ID})
	}
	v.Period = w.period(p, query, show)
	v.Retry = "/?" + query.Encode()

	ctx, cancel := context.WithTimeout(c.UserContext(), askTimeout)
	defer cancel()
	a, err := d.ask(ctx, site, p)
	if err != nil {
		d.log.Error("dashboard: report failed", "site", site.ID, "error", err)
		v.Failed = true
		return d.render(c, fiber.StatusOK, "report.html", v)
	}
	d.log.Info("dashboard: report read", "account", v.Person, "site", site.ID,
		"from", p.From.String(), "to", p.To.String(), "format", "html")
	d.fill(&v, w, site, p, show, query, a)
	return d.render(c, fiber.StatusOK, "report.html", v)
}

// fill puts the figures into the page.
func (d *Dashboard) fill(v *reportView, w words, site Site, p period, show report.Metric, query url.Values, a answers) {
	v.AsOf = w.t.with("as_of", "time", locale.DateTime(w.lang, a.asOf.In(site.Zone)))
	v.Zone = w.t.with("zone", "zone", site.Zone.String())
	v.Note = w.t.with("withheld_note", "k", strconv.FormatUint(uint64(site.K), 10))
	v.Consent = w.consent(a)
	v.Dropped = w.dropped(site, p, a.series[question{report.Dropped, report.ByDetail}])
	if a.empty() {
		v.Empty = w.empty(a.presence, site)
		return
	}
	for _, m := range figures() {
		one := card{
			Label: w.t[string(m)], Value: w.figure(m, a.total(m)),
			URL: address("/", query, "show", string(m)), Current: m == show,
		}
		switch {
		case !a.total(m).Known:
			one.Note = w.t["withheld"]
		case a.days(m).Rounded:
			one.Note = w.t.with("rounded_note", "k", strconv.FormatUint(uint64(site.K), 10))
		case m == report.EngagedTime:
			one.Note = w.t["engaged_note"]
		}
		v.Cards = append(v.Cards, one)
	}
	v.Chart = w.chart(show, p, a.days(show).Rows)
	v.Tables = append(v.Tables, w.table(site, p, w.t["pages"], report.ByPage,
		a.series[question{report.PageViews, report.ByPage}], a.total(report.PageViews)))
	for _, one := range []struct {
		key string
		by  report.Dimension
	}{
		{"sources", report.BySource}, {"countries", report.ByCountry},
		{"devices", report.ByDevice}, {"browsers", report.ByBrowser},
	} {
		v.Tables = append(v.Tables, w.table(site, p, w.t[one.key], one.by,
			a.series[question{a.group, one.by}], a.total(a.group)))
	}
}

// readShow takes the metric of the chart from an address.
func readShow(c *fiber.Ctx) report.Metric {
	for _, m := range figures() {
		if c.Query("show") == string(m) {
			return m
		}
	}
	return report.Visitors
}

func (w words) period(p period, query url.Values, show report.Metric) periodView {
	v := periodView{
		Text: w.dayInWords(p.From) + " – " + w.dayInWords(p.To),
		From: p.From.String(), To: p.To.String(), Wrong: p.Wrong, Show: string(show),
	}
	for _, days := range presets() {
		q := url.Values{"site": query["site"], "show": query["show"]}
		v.Presets = append(v.Presets, link{
			Label:   w.t.with("last_days", "n", strconv.Itoa(days)),
			URL:     address("/", q, "days", strconv.Itoa(days)),
			Current: p.Preset == days,
		})
	}
	return v
}

func (w words) empty(presence report.Presence, site Site) *emptyView {
	k := strconv.FormatUint(uint64(site.K), 10)
	of := func(key string) *emptyView {
		return &emptyView{Title: w.t[key], Text: w.t.with(key+"_do", "k", k)}
	}
	switch presence {
	case report.Some:
		return of("empty_some")
	case report.Elsewhere:
		return of("empty_elsewhere")
	case report.Consented:
		return of("empty_consented")
	case report.Asked:
		return of("empty_asked")
	default:
		v := of("empty_nothing")
		v.Tag = site.Tag
		return v
	}
}
