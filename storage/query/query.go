// Package query reads reports. Every figure that leaves the database about
// visitors leaves it through Reports.Report, which takes k: the least number of
// distinct consents that a published figure stands for.
//
// The rule is kept inside the database, by the views report_people, report_banner,
// report_withdrawn and report_dropped (storage/schema): they run with the rights of
// their definer, aggregate, and give out only what may be published. The user of this package
// can read those views and nothing else, so no identifier reaches this process.
package query

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/dashboard/report"
)

// Conn is what reading needs of a connection: that of the reports role.
type Conn interface {
	Query(ctx context.Context, query string, args ...any) (driver.Rows, error)
}

// Options is what New needs.
type Options struct {
	Conn Conn             // required
	Now  func() time.Time // default time.Now
	// Limit is the most groups a breakdown lists, the largest first. Default 1000.
	Limit uint32
}

// Reports reads reports. It is safe for use by several goroutines.
type Reports struct {
	conn  Conn
	now   func() time.Time
	limit uint32
}

// New makes a reader of reports.
func New(o Options) (*Reports, error) {
	if o.Conn == nil {
		return nil, errors.New("query: options: Conn is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limit == 0 {
		o.Limit = 1000
	}
	return &Reports{conn: o.Conn, now: o.Now, limit: o.Limit}, nil
}

// ErrK says that k is zero: such a report would protect nobody.
var ErrK = errors.New("query: k must be at least 1")

//go:embed reports.Report.people.sql
var peopleSQL string

//go:embed reports.Report.banner.sql
var bannerSQL string

//go:embed reports.Report.withdrawn.sql
var withdrawnSQL string

//go:embed reports.Report.dropped.sql
var droppedSQL string

//go:embed reports.Presence.sql
var presenceSQL string

// Report answers a question with figures that each stand for at least k
// distinct consents, or, for a counter without identifiers, for at least k
// counts. What may not be published is absent from the answer.
func (r *Reports) Report(ctx context.Context, k uint32, spec report.Spec) (report.Result, error) {
	if k == 0 {
		return report.Result{}, ErrK
	}
	if err := spec.Validate(); err != nil {
		return report.Result{}, fmt.Errorf("query: %w", err)
	}
	result := report.Result{AsOf: r.now().UTC()}
	for _, m := range spec.Metrics {
		series, err := r.series(ctx, k, spec, m)
		if err != nil {
			return report.Result{}, fmt.Errorf("query: %s by %s: %w", m, spec.By, err)
		}
		result.Series = append(result.Series, series)
	}
	return result, nil
}

func (r *Reports) series(ctx context.Context, k uint32, spec report.Spec, m report.Metric) (report.Series, error) {
	parameters := bind(spec)
	parameters["k"] = strconv.FormatUint(uint64(k), 10)
	parameters["metric"] = string(m)
	parameters["limit"] = strconv.FormatUint(uint64(r.limit), 10)
	if spec.By != report.ByDay {
		parameters["by"] = string(spec.By)
	}
	rows, err := r.conn.Query(clickhouse.Context(ctx, clickhouse.WithParameters(parameters)), statement(m))
	if err != nil {
		return report.Series{}, err
	}
	defer rows.Close()

	series := report.Series{Metric: m}
	for rows.Next() {
		var line struct {
			Total    bool      `ch:"total"`
			First    time.Time `ch:"first"`
			Last     time.Time `ch:"last"`
			Label    string    `ch:"label"`
			Known    bool      `ch:"known"`
			Withheld bool      `ch:"withheld"`
			Joined   bool      `ch:"joined"`
			Rounded  bool      `ch:"rounded"`
			Value    uint64    `ch:"value"`
		}
		if err := rows.ScanStruct(&line); err != nil {
			return report.Series{}, err
		}
		if line.Total {
			series.Total = report.Figure{Value: line.Value, Known: line.Known}
			series.Withheld = line.Withheld
			series.Rounded = line.Rounded
			continue
		}
		series.Rows = append(series.Rows, report.Row{
			Label: line.Label,
			First: report.DayOf(line.First, time.UTC),
			Last:  report.DayOf(line.Last, time.UTC),
			Value: line.Value, Joined: line.Joined,
		})
	}
	return series, rows.Err()
}

// statement is the query that answers a metric.
func statement(m report.Metric) string {
	switch m {
	case report.Banner:
		return bannerSQL
	case report.Withdrawn:
		return withdrawnSQL
	case report.Dropped:
		return droppedSQL
	default:
		return peopleSQL
	}
}

// bind is what every question has.
func bind(spec report.Spec) clickhouse.Parameters {
	zone := spec.Zone
	if zone == "" {
		zone = "UTC"
	}
	return clickhouse.Parameters{
		"site": spec.Site,
		"zone": zone,
		"from": spec.From.String(),
		"to":   spec.To.String(),
		"by":   "",
	}
}

// Presence says why a report is empty; it reads the site and the period of spec
// and gives out no number.
func (r *Reports) Presence(ctx context.Context, spec report.Spec) (report.Presence, error) {
	parameters := bind(spec)
	delete(parameters, "by")
	rows, err := r.conn.Query(clickhouse.Context(ctx, clickhouse.WithParameters(parameters)), presenceSQL)
	if err != nil {
		return report.Nothing, fmt.Errorf("query: presence: %w", err)
	}
	defer rows.Close()

	var asked, consented, any, here bool
	for rows.Next() {
		if err := rows.Scan(&asked, &consented, &any, &here); err != nil {
			return report.Nothing, fmt.Errorf("query: presence: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return report.Nothing, fmt.Errorf("query: presence: %w", err)
	}
	switch {
	case here:
		return report.Some, nil
	case any:
		return report.Elsewhere, nil
	case consented:
		return report.Consented, nil
	case asked:
		return report.Asked, nil
	default:
		return report.Nothing, nil
	}
}
