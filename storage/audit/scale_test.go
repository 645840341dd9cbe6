package audit_test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/consent/policy"
	"kelisim/policies"
	"kelisim/storage"
	"kelisim/storage/audit"
	"kelisim/storage/fill"
	"kelisim/storage/storagetest"
)

// rowsVariable is how many events the large audit is tried on.
const rowsVariable = "KELISIM_TEST_ROWS"

const rowsByDefault = 200_000

// In a large database that honest visitors filled the audit finds nothing, and one
// row that is hidden among the others.
func TestManyRows(t *testing.T) {
	rows := rowsByDefault
	if text := os.Getenv(rowsVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1000 {
			t.Fatalf("%s=%s: want a number, at least 1000", rowsVariable, text)
		}
		rows = n
	}
	db := storagetest.DB(t)
	generate(t, db, rows)

	var peak int64
	began := time.Now()
	report := runAudit(t, db, audit.Options{Conn: watched{db.Maintenance(), &peak}})
	t.Logf("%d events, %d decisions: %.1f s; the costliest query took %d MiB",
		report.Judged, report.Decisions, time.Since(began).Seconds(), peak>>20)
	want(t, report)
	if report.Judged < uint64(rows)*9/10 || report.Decisions < uint64(rows)/30 {
		t.Errorf("judged %d events and %d decisions of about %d and %d", report.Judged, report.Decisions, rows, rows/25)
	}
	if spent := time.Since(began); spent > time.Minute+time.Duration(rows)*10*time.Microsecond {
		t.Errorf("the audit took %s", spent)
	}

	plantSQL(t, `INSERT INTO events SELECT * REPLACE ('Astana' AS city, generateUUIDv4() AS session_id) FROM events WHERE seq = 7 AND name = 'pageview' LIMIT 1`)
	want(t, runAudit(t, db, audit.Options{}), "column")
}

// generate fills the database with what honest visitors of one site leave in 40
// days.
func generate(t *testing.T, db *storage.DB, rows int) {
	t.Helper()
	p, problems := policy.Parse("demo.yaml", policies.Demo())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if err := fill.Fill(t.Context(), db.Maintenance(), fill.Options{Policy: p, Events: uint64(rows), Days: 40, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// watched is a connection that notes the memory of the costliest query.
type watched struct {
	driver.Conn
	peak *int64
}

func (w watched) note(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithProfileEvents(func(events []clickhouse.ProfileEvent) {
		for _, e := range events {
			if e.Name == "MemoryTrackerPeakUsage" {
				*w.peak = max(*w.peak, e.Value)
			}
		}
	}))
}

// Select notes the memory of a query.
func (w watched) Select(ctx context.Context, to any, query string, args ...any) error {
	return w.Conn.Select(w.note(ctx), to, query, args...)
}

// QueryRow notes the memory of a query.
func (w watched) QueryRow(ctx context.Context, query string, args ...any) driver.Row {
	return w.Conn.QueryRow(w.note(ctx), query, args...)
}
