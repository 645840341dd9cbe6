package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kelisim/storage"
	"kelisim/storage/audit"
)

// runAudit audits the database of a test.
func runAudit(t *testing.T, db *storage.DB, o audit.Options) *audit.Report {
	t.Helper()
	if o.Conn == nil {
		o.Conn = db.Maintenance()
	}
	o.Rights, o.Reports = db.Rights(), db.Reports()
	report, err := audit.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// want wants exactly these rules to be broken.
func want(t *testing.T, report *audit.Report, rules ...string) {
	t.Helper()
	var got []string
	for _, r := range report.Violated() {
		got = append(got, r.ID)
	}
	if diff := cmp.Diff(rules, got); diff != "" {
		t.Errorf("broken rules (-want +got):\n%s", diff)
		for _, r := range report.Violated() {
			t.Logf("%s: %d", r.ID, r.Count)
			for _, e := range r.Examples {
				t.Log("   ", e)
			}
		}
	}
}

func TestClean(t *testing.T) {
	w := newWorld(t)
	w.live()
	report := runAudit(t, w.db, audit.Options{Rows: 10})
	want(t, report)
	t.Logf("%+v", report)
}
