package node_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sys/unix"

	"kelisim/cmd/kelisim/node"
)

// searchFolder looks into every file below a folder, and at its name.
func (h *hunt) searchFolder(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // a part that was merged away
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		sort := inFile
		switch {
		case strings.HasPrefix(name, filepath.Join("data", "keys")+string(filepath.Separator)):
			return nil // the secrets that sign tokens lie there by design
		case strings.HasPrefix(name, filepath.Join("data", "spool")+string(filepath.Separator)):
			sort = inSpool
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		h.search(sort, name, append(b, "\n"+filepath.Base(name)...))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// searchLog looks into every line of the log.
func (h *hunt) searchLog(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		h.search(inLog, fmt.Sprint(i+1), line)
	}
}

// admin is a connection that may read everything.
func admin(t *testing.T, n *node.Node) driver.Conn {
	t.Helper()
	access := n.Engine().Access()
	conn, err := access.Connect(*access.Admin, access.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// madeUp reports a table of system that holds nothing: rows without end, the
// list of all letters, one that starts a process to answer, and one that stops
// every thread with a signal to read where it is, which the engine inside another
// program does not always survive.
func madeUp(table string) bool {
	switch table {
	case "unicode", "models", "stack_trace", "numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generate_series", "generateSeries":
		return true
	}
	return false
}

// searchDatabase looks into every table of the server: into its rows as text and
// as bytes.
func (h *hunt) searchDatabase(t *testing.T, conn driver.Conn) {
	t.Helper()
	type name struct {
		Database string `ch:"database"`
		Table    string `ch:"name"`
		Create   string `ch:"create_table_query"`
	}
	var tables []name
	if err := conn.Select(t.Context(), &tables, "SELECT database, name, create_table_query FROM system.tables "+
		"WHERE lower(database) != 'information_schema' ORDER BY database, name"); err != nil {
		t.Fatal(err)
	}
	read, unread := map[string]bool{}, map[string]string{}
	for _, one := range tables {
		full := one.Database + "." + one.Table
		if one.Database == "system" && madeUp(one.Table) {
			continue
		}
		if strings.HasPrefix(full, "kelisim.report_") && strings.Contains(one.Create, "{") {
			continue // a view that takes parameters, of tables that are read here
		}
		data, err := rowsOf(t.Context(), conn, full)
		if err != nil {
			unread[full] = err.Error()
			continue
		}
		read[full] = true
		sort := inSystem
		if one.Database == "kelisim" {
			sort = inTable
		}
		h.search(sort, full, data)
	}
	for full, why := range unread {
		if !strings.HasPrefix(full, "system.") {
			t.Errorf("table %s cannot be read: %s", full, why)
		}
		h.notes = append(h.notes, fmt.Sprintf("%s cannot be read: %.120s", full, why))
	}
	for _, must := range []string{
		"kelisim.events", "kelisim.addresses", "kelisim.events_full", "kelisim.consents", "kelisim.consent_payloads", "kelisim.revocations",
		"kelisim.banner_counts", "kelisim.outcomes", "kelisim.erasures", "kelisim.policy_editions", "kelisim.nodes",
		"system.processes", "system.errors", "system.mutations", "system.parts", "system.parts_columns", "system.warnings", "system.merges",
		"system.asynchronous_inserts", "system.query_cache", "system.user_processes", "system.events", "system.replication_queue",
	} {
		if !read[must] {
			t.Errorf("table %s was not read: %s", must, unread[must])
		}
	}
	// Where ClickHouse keeps queries and messages, if anybody lets it.
	for _, off := range []string{"query_log", "query_thread_log", "text_log", "crash_log", "session_log", "part_log", "trace_log", "asynchronous_insert_log", "error_log"} {
		if read["system."+off] {
			t.Errorf("ClickHouse keeps system.%s", off)
		}
	}
}

// rowsOf is a whole table: its rows as text, and the same as bytes.
func rowsOf(ctx context.Context, conn driver.Conn, table string) ([]byte, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"asterisk_include_alias_columns": 1, "asterisk_include_materialized_columns": 1, "max_execution_time": 20,
	}))
	var all bytes.Buffer
	for _, format := range []string{"TSVRaw", "RowBinary"} {
		// Only the name of the table stands in the query, so that a query cannot find itself.
		rows, err := conn.Query(ctx, "SELECT formatRow('"+format+"', *) FROM "+table+" LIMIT 500000")
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				rows.Close()
				return nil, err
			}
			all.WriteString(row)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		rows.Close()
	}
	return all.Bytes(), nil
}

// capture sends what this process writes to its standard output and error into
// a file, until the function that it returns is called.
func capture(t *testing.T, path string) (release func()) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept [2]int
	for i, fd := range []int{unix.Stdout, unix.Stderr} {
		if kept[i], err = unix.Dup(fd); err != nil {
			t.Fatal(err)
		}
		if err := unix.Dup2(int(f.Fd()), fd); err != nil {
			t.Fatal(err)
		}
	}
	done := false
	release = func() {
		if done {
			return
		}
		done = true
		for i, fd := range []int{unix.Stdout, unix.Stderr} {
			if err := unix.Dup2(kept[i], fd); err != nil {
				t.Error(err)
			}
			if err := unix.Close(kept[i]); err != nil {
				t.Error(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(release)
	return release
}
