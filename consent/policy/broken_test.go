package policy

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Every broken policy yields exactly the problems of its golden file: one line
// each, with file, field, value and rule.
func TestBrokenPolicies(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d broken policies, want at least fifteen (%v)", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, problems := Parse(filepath.Base(file), data)
			if p != nil || len(problems) == 0 {
				t.Fatal("a broken policy passed")
			}
			for _, problem := range problems {
				if problem.File == "" || problem.Field == "" || problem.Rule == "" {
					t.Errorf("a problem without file, field or rule: %+v", problem)
				}
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(problems.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), problems.String()); d != "" {
				t.Error(d)
			}
		})
	}
}
