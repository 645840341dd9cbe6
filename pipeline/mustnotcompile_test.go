package pipeline_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMustNotCompile builds every case under testdata/mustnotcompile; each must
// fail with the message that its head states.
func TestMustNotCompile(t *testing.T) {
	cases, err := filepath.Glob("testdata/mustnotcompile/*/main.go")
	if err != nil || len(cases) < 10 {
		t.Fatalf("found %d cases (%v)", len(cases), err)
	}
	want := regexp.MustCompile(`(?m)^// want: (.+)$`)
	for _, file := range cases {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m := want.FindSubmatch(source)
			if m == nil {
				t.Fatal("the case does not say what it wants")
			}
			out, err := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, "./"+filepath.Dir(file)).CombinedOutput()
			if err == nil {
				t.Fatal("it compiles")
			}
			if !strings.Contains(string(out), strings.TrimSpace(string(m[1]))) {
				t.Fatalf("want %q, got\n%s", m[1], out)
			}
		})
	}
}
