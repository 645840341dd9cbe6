package blackbox_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// verdict is the form of a line of kelisim doctor.
var verdict = regexp.MustCompile(`^(ok|warn|bad) +[a-z ]+: \S.*$`)

// doctor runs kelisim doctor and checks its form: a verdict a line, exit code 1
// with a bad one and else 0, and not a file changed.
func (n *node) doctor(t *testing.T, extra ...string) string {
	t.Helper()
	args := append([]string{"doctor"}, n.args(extra...)[1:]...)
	code, out, errs := command(t, environment(t), args...)
	if errs != "" {
		t.Errorf("it says on standard error: %s", errs)
	}
	want := 0
	for line := range strings.Lines(out) {
		if !verdict.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("no verdict: %s", line)
		}
		if strings.HasPrefix(line, "bad ") {
			want = 1
		}
	}
	if code != want {
		t.Errorf("exit code %d, want %d:\n%s", code, want, out)
	}
	return out
}

// says checks that there is a line with a verdict on something that holds words.
func says(t *testing.T, out, verdict, what string, words ...string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, verdict+" ") || !strings.HasPrefix(strings.TrimLeft(line[len(verdict):], " "), what+": ") {
			continue
		}
		for _, w := range words {
			if !strings.Contains(line, w) {
				t.Errorf("%q is missing in: %s", w, line)
			}
		}
		return
	}
	t.Errorf("no line %s on %s in:\n%s", verdict, what, out)
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	n := install(t)
	out := n.doctor(t)
	says(t, out, "ok", "policies", "demo")
	says(t, out, "warn", "data folder", "not there yet")
	says(t, out, "warn", "keys", "first start")
	says(t, out, "ok", "trusted proxies", "127.0.0.1/32")
	says(t, out, "ok", "clickhouse", "not running", "libchdb.so")
	says(t, out, "ok", "spool", "0 files")
	says(t, out, "ok", "time zones")
	if _, err := os.Stat(n.data); !os.IsNotExist(err) {
		t.Errorf("the doctor made a data folder: %v", err)
	}
	says(t, n.doctor(t, "--trusted-proxies", "", "--listen", "127.0.0.1:8080"), "warn", "trusted proxies", "--trusted-proxies")
	says(t, n.doctor(t, "--trusted-proxies", "", "--listen", ":8080"), "ok", "trusted proxies", "none")
	says(t, n.doctor(t, "--keep-ipv4", "none", "--keep-ipv6", "32"), "ok", "addresses", "nothing of IPv4 and /32 of IPv6")
	says(t, n.doctor(t, "--keep-ipv4", "25"), "bad", "configuration", "keep-ipv4", "no more than /24")
	says(t, n.doctor(t, "--clickhouse-dsn", "clickhouse://u:secret@127.0.0.1:1/kelisim"), "bad", "clickhouse", "cannot be reached")
	if out := n.doctor(t, "--clickhouse-dsn", "clickhouse://u:secret@127.0.0.1:many/kelisim"); strings.Contains(out, "secret") {
		t.Errorf("it tells the password: %s", out)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, n.doctor(t, "--geo-db", file), "bad", "country database", file)
	says(t, n.doctor(t, "--data-dir", file), "bad", "data folder", "is a file")
	says(t, n.doctor(t, "--policies", filepath.Join(file, "none")), "bad", "policies", "--policies")

	n.serve(t)
	out = n.doctor(t)
	says(t, out, "ok", "data folder")
	says(t, out, "ok", "keys", "1, the oldest 0 days")
	says(t, out, "ok", "clickhouse", "answers")
	n.stop()
}

func TestDoctorOnWhatIsBroken(t *testing.T) {
	t.Parallel()
	n := install(t)
	keys, spool := filepath.Join(n.data, "keys"), filepath.Join(n.data, "spool")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(keys, 0o700))
	must(os.MkdirAll(spool, 0o700))
	key := filepath.Join(keys, "token-1.key")
	must(os.WriteFile(key, []byte(hex.EncodeToString(make([]byte, 32))), 0o644))
	says(t, n.doctor(t), "bad", "keys", "others may read", "chmod 600")
	must(os.Chmod(key, 0o600))
	then := time.Now().AddDate(-2, 0, 0)
	must(os.Chtimes(key, then, then))
	says(t, n.doctor(t), "warn", "keys", "730 days")
	must(os.WriteFile(key, []byte("cut"), 0o600))
	says(t, n.doctor(t), "bad", "keys", "64 hexadecimal digits")

	waiting := filepath.Join(spool, "0000000000000001.seg")
	must(os.WriteFile(waiting, make([]byte, 2<<20), 0o600))
	then = time.Now().Add(-time.Hour)
	must(os.Chtimes(waiting, then, then))
	says(t, n.doctor(t), "warn", "spool", "2 MiB", "1h0m0s old")

	must(os.Chmod(n.data, 0o755))
	says(t, n.doctor(t), "warn", "data folder", "chmod 700")
	must(os.WriteFile(filepath.Join(n.policies, "demo.yaml"), []byte("site: demo\n"), 0o600))
	says(t, n.doctor(t), "bad", "policies", "kelisim check")
}

func TestDoctorIP(t *testing.T) {
	t.Parallel()
	n := install(t)
	f := func(args []string, want ...string) {
		t.Helper()
		all := append([]string{"doctor", "ip", "--policies", n.policies, "--data-dir", n.data}, args...)
		code, out, errs := command(t, environment(t), all...)
		if got := strings.Split(strings.TrimSpace(out), "\n"); code != 0 || errs != "" || len(got) < len(want) {
			t.Fatalf("%q: exit code %d\n%s%s", args, code, out, errs)
		}
		for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
			if i < len(want) && !strings.HasPrefix(line, want[i]) {
				t.Errorf("%q: line %d is %q, want it to begin with %q", args, i+1, line, want[i])
			}
		}
	}
	trust := []string{"--trusted-proxies", "10.0.0.0/8,127.0.0.1"}
	f(append(trust, "--peer", "127.0.0.1", "--forwarded", "192.0.2.66, 198.51.100.7, 10.0.0.5"),
		"hop 1: 127.0.0.1 is a trusted proxy", "hop 2: 10.0.0.5 is a trusted proxy", "hop 3: 198.51.100.7 is no trusted proxy",
		"hop 4: not read", "client: 198.51.100.7", "kept: 198.51.100.0/24", "country: ")
	f(append(trust, "--peer", "127.0.0.1", "--forwarded", "192.0.2.66", "--forwarded", "198.51.100.7"),
		"hop 1: 127.0.0.1", "hop 2: 198.51.100.7 is no trusted proxy", "hop 3: not read", "client: 198.51.100.7")
	f(append(trust, "--peer", "127.0.0.1", "--forwarded", "unknown"), "hop 1: 127.0.0.1", "hop 2: no address", "client: unknown", "kept: nothing")
	f([]string{"--peer", "127.0.0.1", "--forwarded", "198.51.100.7"}, "hop 1: 127.0.0.1 is no trusted proxy", "hop 2: not read", "client: 127.0.0.1")
	f([]string{"--peer", "2002:cb00:714d::1", "--keep-ipv4", "16"}, "hop 1:", "client: 2002:cb00:714d::1", "kept: 2002:cb00::/32")
	f([]string{"--peer", "203.0.113.9", "--keep-ipv4", "none"}, "hop 1:", "client: 203.0.113.9", "kept: nothing")
	if code, _, errs := command(t, environment(t), "doctor", "ip", "--peer", "nobody"); code != 1 || !strings.Contains(errs, "--peer") {
		t.Errorf("no address: exit code %d, %s", code, errs)
	}
}
