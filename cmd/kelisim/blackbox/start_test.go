package blackbox_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kelisim/storage/datadir"
)

// TestStartThatCannotBe: whatever keeps a node from starting is said in one line
// that names what to change, and the exit code is 1.
func TestStartThatCannotBe(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	locked := t.TempDir()
	lock, err := datadir.Acquire(locked)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	}()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		flags []string
		env   string
		says  []string
	}{
		{"a port that is taken", []string{"--listen", taken.Addr().String()}, "", []string{taken.Addr().String(), "in use", "--listen"}},
		{"the dashboard's port", []string{"--admin-listen", taken.Addr().String()}, "", []string{taken.Addr().String(), "in use", "--admin-listen"}},
		{"a port that is no number", []string{"--listen", "127.0.0.1:http"}, "", []string{"listen", "127.0.0.1:http", "port"}},
		{"a data folder that is locked", []string{"--data-dir", locked}, "", []string{locked, "in use by process", "--data-dir"}},
		{"a data folder that is a file", []string{"--data-dir", file}, "", []string{file}},
		{"a DSN without a scheme", []string{"--clickhouse-dsn", "localhost"}, "", []string{"clickhouse-dsn"}},
		{"a DSN of another kind", []string{"--clickhouse-dsn", "postgres://127.0.0.1/kelisim"}, "", []string{"clickhouse-dsn"}},
		{"a DSN with a port that is none", []string{"--clickhouse-dsn", "clickhouse://127.0.0.1:many/kelisim"}, "", []string{"clickhouse-dsn"}},
		{"a DSN that is cut", []string{"--clickhouse-dsn", "clickhouse://user:secret%zz@127.0.0.1/kelisim"}, "", []string{"clickhouse-dsn"}},
		{"a missing library", nil, "KELISIM_CHDB_LIB=" + filepath.Join(file, "libchdb.so"), []string{"libchdb.so", "npm install", "KELISIM_CHDB_LIB", "--clickhouse-dsn"}},
		{"no policies", []string{"--policies", locked}, "", []string{locked, "no policy file"}},
		{"a missing folder of policies", []string{"--policies", filepath.Join(locked, "none")}, "", []string{"none", "--policies"}},
		{"a variable that is unknown", nil, "KELISIM_LISTEM=127.0.0.1:1", []string{"KELISIM_LISTEM", "no such setting"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := install(t)
			code, out, errs := command(t, environment(t, test.env), n.args(test.flags...)...)
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if out != "" {
				t.Errorf("it says on standard output: %s", out)
			}
			if !strings.HasPrefix(errs, "kelisim: ") || strings.Count(errs, "\n") != 1 {
				t.Errorf("want exactly one line:\n%s", errs)
			}
			for _, words := range test.says {
				if !strings.Contains(errs, words) {
					t.Errorf("it does not say %q: %s", words, errs)
				}
			}
			if strings.Contains(errs, "secret") {
				t.Errorf("it tells the password: %s", errs)
			}
		})
	}
}
