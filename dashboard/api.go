package dashboard

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/dashboard/report"
)

// The report as JSON. A figure that may not be shown is null or absent, never 0.
type apiReport struct {
	Site   string      `json:"site"`
	Zone   string      `json:"zone"`
	From   string      `json:"from"`
	To     string      `json:"to"`
	By     string      `json:"by"`
	K      uint32      `json:"k"`
	AsOf   time.Time   `json:"as_of"`
	Series []apiSeries `json:"series"`
}

type apiSeries struct {
	Metric   string   `json:"metric"`
	Total    *uint64  `json:"total"`
	Rounded  bool     `json:"rounded"`
	Withheld bool     `json:"withheld"`
	Rows     []apiRow `json:"rows"`
}

type apiRow struct {
	Label *string `json:"label,omitempty"`
	From  string  `json:"from,omitempty"`
	To    string  `json:"to,omitempty"`
	Value uint64  `json:"value"`
	// Joined: groups too small to be shown are counted in.
	Joined bool `json:"joined,omitempty"`
}

// serveReport answers GET /api/v1/report with the same figures as the page.
func (d *Dashboard) serveReport(c *fiber.Ctx) error {
	site, ok := d.site(strings.Clone(c.Query("site")))
	if !ok {
		return apiError(c, fiber.StatusNotFound, "unknown_site", "there is no such site", "site")
	}
	if c.Query("filter") != "" {
		return apiError(c, fiber.StatusBadRequest, "invalid", "this report takes no filter", "filter")
	}
	p := readPeriod(c, report.DayOf(d.now(), site.Zone))
	if p.Wrong {
		return apiError(c, fiber.StatusBadRequest, "invalid", "from and to are days, in order, at most 400 apart", "from")
	}
	spec := report.Spec{
		Site: site.ID, Zone: site.Zone.String(), From: p.From, To: p.To,
		By: report.Dimension(strings.Clone(c.Query("by", string(report.ByDay)))),
	}
	for _, m := range strings.Split(strings.Clone(c.Query("metrics", string(report.Visitors))), ",") {
		spec.Metrics = append(spec.Metrics, report.Metric(m))
	}
	if err := spec.Validate(); err != nil {
		field := "metrics"
		if errors.Is(err, report.ErrBy) {
			field = "by"
		}
		return apiError(c, fiber.StatusBadRequest, "invalid", "unknown metric, or it cannot be broken down so", field)
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), askTimeout)
	defer cancel()
	result, err := d.o.Reader.Report(ctx, site.K, spec)
	if err != nil {
		d.log.Error("dashboard: report failed", "site", site.ID, "error", err)
		c.Set(fiber.HeaderRetryAfter, "30")
		return apiError(c, fiber.StatusServiceUnavailable, "unavailable", "the report could not be loaded", "")
	}
	format := "json"
	if c.Query("format") == "csv" || c.Accepts(fiber.MIMEApplicationJSON, "text/csv") == "text/csv" {
		format = "csv"
	}
	d.log.Info("dashboard: report read", "account", current(c).account.Name, "site", site.ID,
		"from", spec.From.String(), "to", spec.To.String(), "format", format)
	if format == "csv" {
		return sendCSV(c, spec, result)
	}
	return c.JSON(jsonReport(spec, site.K, result))
}

func jsonReport(spec report.Spec, k uint32, result report.Result) apiReport {
	out := apiReport{
		Site: spec.Site, Zone: spec.Zone, From: spec.From.String(), To: spec.To.String(),
		By: string(spec.By), K: k, AsOf: result.AsOf, Series: []apiSeries{},
	}
	for _, s := range result.Series {
		one := apiSeries{Metric: string(s.Metric), Rounded: s.Rounded, Withheld: s.Withheld, Rows: []apiRow{}}
		if s.Total.Known {
			one.Total = &s.Total.Value
		}
		for _, r := range s.Rows {
			row := apiRow{Value: r.Value, Joined: r.Joined}
			if spec.By == report.ByDay {
				row.From, row.To = r.First.String(), r.Last.String()
			} else {
				row.Label = &r.Label
			}
			one.Rows = append(one.Rows, row)
		}
		out.Series = append(out.Series, one)
	}
	return out
}

func sendCSV(c *fiber.Ctx, spec report.Spec, result report.Result) error {
	var b bytes.Buffer
	b.WriteString("\ufeff") // so that spreadsheets read Cyrillic
	w := csv.NewWriter(&b)
	lines := [][]string{{"metric", "from", "to", string(spec.By), "value", "note"}}
	for _, s := range result.Series {
		for _, r := range s.Rows {
			from, to := spec.From, spec.To
			if spec.By == report.ByDay {
				from, to = r.First, r.Last
			}
			note := ""
			if r.Joined {
				note = "with small groups"
			}
			lines = append(lines, []string{
				string(s.Metric), from.String(), to.String(), harmless(r.Label), strconv.FormatUint(r.Value, 10), note,
			})
		}
		if s.Withheld {
			lines = append(lines, []string{string(s.Metric), spec.From.String(), spec.To.String(), "", "", "withheld: group too small"})
		}
	}
	if err := w.WriteAll(lines); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition,
		`attachment; filename="kelisim-`+string(spec.By)+"-"+spec.From.String()+"-"+spec.To.String()+`.csv"`)
	return c.Send(b.Bytes())
}

// harmless keeps a spreadsheet from taking a label for a formula.
func harmless(label string) string {
	if label != "" && strings.ContainsRune("=+-@\t\r", rune(label[0])) {
		return "'" + label
	}
	return label
}

func apiError(c *fiber.Ctx, status int, code, message, field string) error {
	return c.Status(status).JSON(fiber.Map{"error": fiber.Map{"code": code, "message": message, "field": field}})
}
