package blackbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kelisim/policies"
)

// problem is the form of a line about a policy: file, field, value, rule.
var problem = regexp.MustCompile(`^\S+\.yaml: [^:]+: value "(?:[^"\\]|\\.)*": \S.+$`)

// TestCheckNamesWhatIsBroken runs kelisim check on every broken policy there is.
func TestCheckNamesWhatIsBroken(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "..", "consent", "policy", "testdata", "broken")
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) < 15 {
		t.Fatalf("%d broken policies, want at least fifteen (%v)", len(files), err)
	}
	env, problems := environment(t), 0
	for _, file := range files {
		name := filepath.Base(file)
		dir := t.TempDir()
		copyFile(t, file, filepath.Join(dir, name))
		golden, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		code, out, errs := command(t, env, "check", "--policies", dir, "--data-dir", filepath.Join(dir, "data"))
		if code != 1 || out != "" {
			t.Errorf("%s: exit code %d, standard output %q; want 1 and nothing", name, code, out)
		}
		lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
		said := lines[:len(lines)-1]
		for _, line := range said {
			if !problem.MatchString(line) {
				t.Errorf("%s: this line does not name file, field, value and rule: %s", name, line)
			}
		}
		problems += len(said)
		want := strings.Split(strings.TrimSuffix(string(golden), "\n"), "\n")
		for i, line := range want {
			want[i] = dir + string(filepath.Separator) + line
		}
		want = append(want, fmt.Sprintf("kelisim: problems found: %d", len(want)))
		if d := cmp.Diff(want, lines); d != "" {
			t.Errorf("%s (-golden +said):\n%s", name, d)
		}
		if _, err := os.Stat(filepath.Join(dir, "data")); !os.IsNotExist(err) {
			t.Errorf("%s: kelisim check made a data folder", name)
		}
	}
	t.Logf("%d broken policies, %d problems named", len(files), problems)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckOfGoodPolicies(t *testing.T) {
	t.Parallel()
	n := install(t)
	code, out, errs := command(t, environment(t), "check", "--explain", "--policies", n.policies, "--data-dir", n.data)
	if code != 0 || errs != "" || !strings.Contains(out, "demo: edition 1") || !strings.Contains(out, "analytics") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	// A second file for the same site contradicts the first.
	if err := os.WriteFile(filepath.Join(n.policies, "again.yaml"), policies.Demo(), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs = command(t, environment(t), "check", "--policies", n.policies, "--data-dir", n.data)
	if code != 1 || !strings.Contains(errs, "site: value \"demo\"") {
		t.Errorf("two files for one site: exit code %d, %s", code, errs)
	}
}

// TestLoadKeepsToTestSites: figures of a real site are not played with.
func TestLoadKeepsToTestSites(t *testing.T) {
	t.Parallel()
	n := install(t)
	real := strings.Replace(string(policies.Demo()), "\ntest: true\n", "\ntest: false\n", 1)
	if err := os.WriteFile(filepath.Join(n.policies, "demo.yaml"), []byte(real), 0o600); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for site, says := range map[string]string{"demo": "test: true", "other": "no policy"} {
		code, out, errs := command(t, environment(t), "load", "--from-access-log", log, "--policies", n.policies, "--site", site)
		if code != 1 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, says) {
			t.Errorf("site %s: exit code %d, %s%s", site, code, out, errs)
		}
	}
}

// TestStrayWordsAreRefused: what stands behind a word that is no flag would be
// ignored, also a setting that keeps less.
func TestStrayWordsAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"check"}, {"serve"}, {"migrate"}, {"audit"}, {"demo"}, {"doctor"}, {"doctor", "ip"}, {"version"}, {"load"},
	} {
		args = append(args, "stray.yaml", "--keep-ipv4", "none", "--data-dir", filepath.Join(dir, "data"))
		code, out, errs := command(t, environment(t), args...)
		if code == 0 || !strings.Contains(out+errs, `"stray.yaml" is no flag`) {
			t.Errorf("%v: exit code %d, %q, %q", args, code, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); !os.IsNotExist(err) {
		t.Error("a command that was refused made a data folder")
	}
}
