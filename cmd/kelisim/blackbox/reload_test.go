package blackbox_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kelisim/consent/policy"
	"kelisim/policies"
)

// TestHangup: SIGHUP makes the program read its policies again, and does not end it;
// wrong ones are said and not used.
func TestHangup(t *testing.T) {
	t.Parallel()
	n := install(t)
	n.serve(t, "--clickhouse-dsn", "clickhouse://127.0.0.1:1/kelisim")
	path := filepath.Join(n.policies, "demo.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		n.signal(syscall.SIGHUP)
	}
	write("site: [")
	eventually(t, deadline, "the fault to be said", func() bool { return strings.Contains(n.errs.String(), "those of before stay in force") })
	first, problems := policy.Parse(path, policies.Demo())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	write(strings.Replace(string(policies.Demo()), "  number: 1\n  effective: 2026-11-01\n",
		fmt.Sprintf("  number: 2\n  effective: 2026-11-01\nreplaces:\n  hash: %s\n  material: true\n", first.HashString()), 1))
	eventually(t, deadline, "the next edition to be asked", func() bool {
		status, body := get(t, n.url()+"/v1/banner?site=demo")
		return status == http.StatusOK && strings.Contains(body, `"edition"`) && !strings.Contains(body, first.Key().String())
	})
	n.stop()
}
