package schema_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"kelisim/consent"
	"kelisim/storage/schema"
	"kelisim/storage/storagetest"
)

func TestMigrateTwiceAddsNothing(t *testing.T) {
	db := storagetest.DBWith(t, storagetest.Options{Empty: true})
	first, err := schema.Migrate(t.Context(), db.Maintenance(), schema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := schema.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != len(all) {
		t.Errorf("first run applied %d migrations, want %d", len(first), len(all))
	}
	second, err := schema.Migrate(t.Context(), db.Maintenance(), schema.Options{})
	if err != nil || len(second) != 0 {
		t.Errorf("second run applied %v, %v; want nothing", second, err)
	}
}

func TestEveryStatementMayRunTwice(t *testing.T) {
	db := storagetest.DB(t)
	all, err := schema.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		for i, statement := range schema.Split(m.Text) {
			if err := db.Maintenance().Exec(t.Context(), statement); err != nil {
				t.Errorf("%s, statement %d, second time: %v", m.Name, i+1, err)
			}
		}
	}
}

func TestNodesMigrateAtOnce(t *testing.T) {
	db := storagetest.DBWith(t, storagetest.Options{Empty: true})
	var (
		group    sync.WaitGroup
		problems = make([]error, 4)
	)
	for i := range problems {
		node := storagetest.Open(t, nil)
		group.Go(func() {
			_, problems[i] = schema.Migrate(t.Context(), node.Maintenance(), schema.Options{})
		})
	}
	group.Wait()
	if err := errors.Join(problems...); err != nil {
		t.Fatal(err)
	}
	pending, err := schema.Pending(t.Context(), db.Maintenance())
	if err != nil || len(pending) != 0 {
		t.Errorf("pending after all = %v, %v", pending, err)
	}
}

func TestNewerAndChangedMigrationsAreRefused(t *testing.T) {
	db := storagetest.DB(t)
	record := func(version uint32) {
		t.Helper()
		err := db.Maintenance().Exec(t.Context(),
			"INSERT INTO schema_migrations (version, name, hash) VALUES (?, 'x.sql', 'x')", version)
		if err != nil {
			t.Fatal(err)
		}
	}
	record(9999)
	if _, err := schema.Pending(t.Context(), db.Maintenance()); !errors.Is(err, schema.ErrNewer) {
		t.Errorf("unknown migration: %v, want ErrNewer", err)
	}
	record(1)
	_, err := schema.Migrate(t.Context(), db.Maintenance(), schema.Options{})
	if err == nil || !strings.Contains(err.Error(), "0001_events.sql was changed") {
		t.Errorf("changed migration: %v, want its name", err)
	}
}

func TestEveryMigrationSaysWhy(t *testing.T) {
	all, err := schema.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if !strings.HasPrefix(m.Text, "-- ") {
			t.Errorf("%s does not open with a comment", m.Name)
		}
	}
}

// column is a row of system.columns.
type column struct {
	Table   string `ch:"table"`
	Name    string `ch:"name"`
	Comment string `ch:"comment"`
	Codec   string `ch:"compression_codec"`
}

func columns(t *testing.T, admin driver.Conn) []column {
	t.Helper()
	var all []column
	err := admin.Select(t.Context(), &all, `
SELECT c.table AS table, c.name AS name, c.comment AS comment, c.compression_codec AS compression_codec
FROM system.columns AS c
INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
WHERE c.database = 'kelisim' AND t.engine LIKE '%MergeTree'
ORDER BY c.table, c.position`)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 80 {
		t.Fatalf("only %d columns found", len(all))
	}
	return all
}

var licence = regexp.MustCompile(`^.{4,} \[([a-z_|]+)\]$`)

// Beside the fields of a policy a column may belong to the consent itself (the
// reference from a row to its proof), to the proof, or to nobody at all.
func TestEveryColumnSaysWhatLicensesIt(t *testing.T) {
	storagetest.DB(t)
	for _, c := range columns(t, storagetest.Admin(t)) {
		match := licence.FindStringSubmatch(c.Comment)
		if match == nil {
			t.Errorf("%s.%s: comment %q does not end with [field]", c.Table, c.Name, c.Comment)
			continue
		}
		for _, word := range strings.Split(match[1], "|") {
			_, field := consent.ParseField(word)
			if !field && word != "consent" && word != "proof" && word != "none" {
				t.Errorf("%s.%s: %q is no field of a policy", c.Table, c.Name, word)
			}
		}
	}
}

// table is a row of system.tables.
type table struct {
	Name   string `ch:"name"`
	Engine string `ch:"engine"`
	Create string `ch:"create_table_query"`
}

func tables(t *testing.T, admin driver.Conn) []table {
	t.Helper()
	var all []table
	err := admin.Select(t.Context(), &all,
		"SELECT name, engine, create_table_query FROM system.tables WHERE database = 'kelisim' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryTableAboutPeopleHasATTL(t *testing.T) {
	storagetest.DB(t)
	admin := storagetest.Admin(t)
	personal := map[string]bool{}
	for _, c := range columns(t, admin) {
		if !strings.HasSuffix(c.Comment, "[none]") {
			personal[c.Table] = true
		}
	}
	ttl := regexp.MustCompile(`\nTTL|\sTTL (expires_at|keep_until)\b`)
	found := 0
	for _, table := range tables(t, admin) {
		if personal[table.Name] {
			found++
			if !ttl.MatchString(table.Create) {
				t.Errorf("table %s holds personal data and has no TTL on its term", table.Name)
			}
		}
	}
	if found < 6 {
		t.Errorf("only %d tables with personal data found", found)
	}
}

func TestUncompressedColumns(t *testing.T) {
	storagetest.DBWith(t, storagetest.Options{Uncompressed: true})
	for _, c := range columns(t, storagetest.Admin(t)) {
		if c.Table != "schema_migrations" && c.Codec != "CODEC(NONE)" {
			t.Errorf("%s.%s is stored with %q", c.Table, c.Name, c.Codec)
		}
	}
}

func TestTheEngineKeepsNoLogTables(t *testing.T) {
	storagetest.DB(t)
	var names []string
	rows, err := storagetest.Admin(t).Query(t.Context(),
		"SELECT name FROM system.tables WHERE database = 'system' AND (name LIKE '%\\_log' OR engine LIKE '%MergeTree') ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if diff := cmp.Diff([]string(nil), names); diff != "" {
		t.Errorf("ClickHouse writes about itself: %s", diff)
	}
}

func TestRolesMayDoTheirWorkAndNoMore(t *testing.T) {
	db := storagetest.DB(t)
	ctx := t.Context()
	maintenance := db.Maintenance()
	if err := maintenance.Exec(ctx, "CREATE OR REPLACE VIEW report_probe DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT count() AS n FROM events"); err != nil {
		t.Fatal(err)
	}
	roles := map[schema.Role]driver.Conn{
		schema.RoleWriter: db.Writer(), schema.RoleReports: db.Reports(),
		schema.RoleRights: db.Rights(), schema.RoleMaintenance: maintenance,
	}
	const w, p, r, m = schema.RoleWriter, schema.RoleReports, schema.RoleRights, schema.RoleMaintenance
	tests := []struct {
		statement string
		may       []schema.Role
	}{
		{"SELECT count() FROM events", []schema.Role{w, m}},
		{"SELECT count() FROM addresses", []schema.Role{w, m}},
		{"SELECT count() FROM events_full", []schema.Role{w, r, m}},
		{"SELECT count() FROM consents", []schema.Role{w, r, m}},
		{"SELECT count() FROM consent_payloads", []schema.Role{w, r, m}},
		{"SELECT count() FROM banner_counts", []schema.Role{w, m}},
		{"SELECT count() FROM outcomes", []schema.Role{w, m}},
		{"SELECT n FROM report_probe", []schema.Role{w, p, m}},
		{"INSERT INTO nodes (node, seen_at, watermark) VALUES ('n', now64(3), now64(3))", []schema.Role{w, m}},
		{"ALTER TABLE events DELETE WHERE site = 'none' SETTINGS mutations_sync = 2", []schema.Role{m}},
		{"ALTER TABLE events UPDATE path = '' WHERE site = 'none' SETTINGS mutations_sync = 2", []schema.Role{m}},
		{"ALTER TABLE events DROP PARTITION '2020-01-01'", []schema.Role{m}},
		{"OPTIMIZE TABLE events", []schema.Role{m}},
		{"TRUNCATE TABLE nodes", []schema.Role{m}},
		{"CREATE TABLE IF NOT EXISTS scratch (n UInt8) ENGINE = MergeTree ORDER BY n", []schema.Role{m}},
		{"DROP TABLE IF EXISTS scratch", []schema.Role{m}},
		{"SELECT count() FROM system.parts", []schema.Role{m}},
		{"SELECT count() FROM system.mutations", []schema.Role{m}},
		{"SELECT query_id FROM system.processes", []schema.Role{w}},
		{"SELECT query FROM system.processes", nil},
		{"SELECT count() FROM system.users", nil},
		{"CREATE DATABASE other", nil},
		{"CREATE USER other", nil},
		{"SYSTEM SHUTDOWN", nil},
		{"SELECT count() FROM file('/etc/passwd', 'LineAsString')", nil},
		{"SELECT count() FROM url('http://127.0.0.1:1/', 'LineAsString')", nil},
	}
	for _, test := range tests {
		for _, role := range schema.Roles() {
			allowed := false
			for _, one := range test.may {
				allowed = allowed || one == role
			}
			err := roles[role].Exec(ctx, test.statement)
			switch {
			case allowed && err != nil:
				t.Errorf("%s may not %s: %v", role, test.statement, err)
			case !allowed && err == nil:
				t.Errorf("%s may %s", role, test.statement)
			case !allowed && !denied(err):
				t.Errorf("%s, %s: %v, want a refusal", role, test.statement, err)
			}
		}
	}
}

// denied recognises a missing right (497) and a reader's profile (164).
func denied(err error) bool {
	return strings.Contains(err.Error(), "code: 497") || strings.Contains(err.Error(), "code: 164")
}

func TestReportsNamesAreTheOnlyOnesReportsReads(t *testing.T) {
	db := storagetest.DB(t)
	for _, table := range tables(t, storagetest.Admin(t)) {
		err := db.Reports().Exec(t.Context(), fmt.Sprintf("SELECT count() FROM `%s`", table.Name))
		want := strings.HasPrefix(table.Name, "report_")
		// A view with parameters fails for the want of them, not of a right.
		if got := err == nil || !denied(err); got != want {
			t.Errorf("reports reads %s: %v (%v), want %v", table.Name, got, err, want)
		}
		if want && table.Engine != "View" {
			t.Errorf("%s is a %s: reports must read views alone", table.Name, table.Engine)
		}
	}
}
