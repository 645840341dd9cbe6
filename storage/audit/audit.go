// Package audit proves the laws of the system on a live database: that every row
// is permitted by a decision that was in force when it happened, value by value;
// that nothing is kept or shown beyond its term; that no address is longer than
// may be kept; and that the counted outcomes cover the rows.
//
// It reads what the writer wrote and nothing of the process that did: decisions,
// revocations, erasure jobs and archived editions are joined with the rows by the
// database, a range of consents at a time, so that memory does not grow with the
// tables. The permissions are compiled from the archived editions by the same
// code as the gate's. Each row is named under the first rule that it breaks.
//
// Only what could still be on its way is not judged: a row without a decision
// that is younger than what every node has flushed.
package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/storage"
	"kelisim/storage/schema"
)

// Options of an audit.
type Options struct {
	Conn    driver.Conn // the maintenance role: tables
	Rights  driver.Conn // the role of a person's rights: the view events_full
	Reports driver.Conn // the dashboard's role: the views of reports

	Now      func() time.Time // default time.Now
	Progress func(Step)       // told of each step before it begins; default nobody

	Examples int           // of each violation at most; default 5
	Rows     uint64        // events judged at once; default 1,000,000
	Alive    time.Duration // a node that was silent for longer is gone; default 5 min
	Late     time.Duration // an erasure that is open for longer is overdue; default 1 h
	Settle   time.Duration // how long a flush may take to write all that belongs together; default 10 s
}

// Step is a part of the audit.
type Step struct {
	Name  string
	Rows  uint64 // of events that are judged by now
	Total uint64 // of events at the begin
}

func (o Options) withDefaults() (Options, error) {
	if o.Conn == nil || o.Rights == nil || o.Reports == nil {
		return o, errors.New("audit: the connections of maintenance, rights and reports are all needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Step) {}
	}
	if o.Examples == 0 {
		o.Examples = 5
	}
	if o.Rows == 0 {
		o.Rows = 1_000_000
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&o.Alive, 5 * time.Minute}, {&o.Late, time.Hour}, {&o.Settle, 10 * time.Second}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	return o, nil
}

// run is one audit under way.
type run struct {
	o       Options
	report  *Report
	archive archive
	moment  moment
	places  map[string]int                  // of rules in the report
	shown   map[string]uint64               // of rows a day past their term: how many a view shows, by table
	orderly map[string]map[time.Time]uint64 // live rows that break no rule, by site and day
}

// Run audits the database. Its error says that the audit could not be carried
// out; what it found is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &run{o: o, report: newReport(o.Now()), places: map[string]int{}, shown: map[string]uint64{}, orderly: map[string]map[time.Time]uint64{}}
	for i, rule := range r.report.Rules {
		r.places[rule.ID] = i
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"the schema", r.schema}, {"the nodes", r.nodes}, {"the archive of editions", r.readEditions},
		{"events and decisions", r.sites}, {"addresses", r.addresses}, {"views", r.views}, {"terms", r.overdue},
		{"outcomes", r.outcomes},
	} {
		r.step(step.name)
		if err := step.do(ctx); err != nil {
			return nil, unreachable(err)
		}
	}
	r.report.Took = Seconds(o.Now().Sub(r.report.Began))
	return r.report, nil
}

// ErrUnreachable says that the database did not answer.
var ErrUnreachable = errors.New("the database cannot be reached")

func unreachable(err error) error {
	var exception *clickhouse.Exception
	if storage.Transient(err) && !errors.As(err, &exception) {
		return fmt.Errorf("audit: %w: %w", ErrUnreachable, err)
	}
	return err
}

// schema refuses a database that this program does not know.
func (r *run) schema(ctx context.Context) error {
	pending, err := schema.Pending(ctx, r.o.Conn)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		return fmt.Errorf("audit: the schema lacks %d migrations, from %s on: run kelisim migrate first", len(pending), pending[0].Name)
	}
	return nil
}

func (r *run) readEditions(ctx context.Context) (err error) {
	r.archive, err = r.readArchive(ctx)
	return err
}

func (r *run) step(name string) {
	r.o.Progress(Step{Name: name, Rows: r.report.Judged, Total: r.report.Events})
}

// context carries the settings of the audit's queries. They read much and write
// nothing; their bound on memory is their own.
func (r *run) context(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_threads": 0, "max_execution_time": 0, "max_memory_usage": maxMemory, "max_query_size": maxQuery,
		"join_algorithm": "hash", "join_use_nulls": 0,
	}))
}

const (
	maxMemory = 768 << 20
	maxQuery  = 64 << 20
)

func named(name string, value any) driver.NamedValue { return clickhouse.Named(name, value) }

// number reads one number.
func (r *run) number(ctx context.Context, conn driver.Conn, query string, args ...any) (uint64, error) {
	var n uint64
	if err := conn.QueryRow(r.context(ctx), query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	return n, nil
}
