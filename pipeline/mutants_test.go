//go:build !race

package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guards is every condition on the way from a token to a row that keeps something
// out. With each of them taken away, the tests of the gate must fail; one that
// stands in the code and not here fails the test as well.
var guards = []string{
	// consent: a token is ours and still good
	"token form", "token key", "token signature", "token of somebody",
	"token not of the future", "token life", "token term",
	// gate: a request may send
	"token present", "token proven", "own site", "not revoked", "edition holds", "privacy signal", "anything granted",
	// gate: an event may pass
	"event validated", "pass opened", "not before the decision", "not after the term", "event declared", "properties declared",
	"kind granted", "session granted", "campaign granted", "page granted", "referrer granted",
	// enrich and minimise
	"event admitted", "a person's browser", "address granted", "facts derived", "row's own term", "field granted",
	"kept once a page view", "the network's own term", "own site is no referrer",
}

// guarded names the functions in which every condition must be a guard with a
// name.
var guarded = map[string][]string{
	"../consent/token.go":  {"Verify"},
	"gate/gate.go":         {"Open", "Admit", "strip"},
	"enrich/enrich.go":     {"Facts"},
	"minimise/minimise.go": {"Reduce"},
	"minimise/kept.go":     {"network", "referrer"},
}

// mutantVariable names the guard that is taken away.
const mutantVariable = "KELISIM_TEST_MUTANT"

// TestEveryGuardIsNeeded builds the tests of the gate once from sources in which
// every guard can be switched off, and runs them with each one off.
func TestEveryGuardIsNeeded(t *testing.T) {
	if os.Getenv(mutantVariable) != "" {
		t.Fatal("a mutant runs the test of the mutants")
	}
	dir := t.TempDir()
	overlay, found := mutate(t, dir)
	for _, name := range guards {
		if n := found[name]; n != 1 {
			t.Errorf("the guard %q stands in the code %d times", name, n)
		}
	}
	for name := range found {
		if !slices.Contains(guards, name) {
			t.Errorf("the guard %q is not on the list: nothing shows that it is needed", name)
		}
	}
	if t.Failed() {
		return
	}
	var suites []string
	for _, pkg := range []string{".", "./gate"} {
		suite := filepath.Join(dir, "suite"+fmt.Sprint(len(suites))+".test")
		out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", suite, pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, out)
		}
		suites = append(suites, suite)
	}
	if killed(t, suites, "none of them") {
		t.Fatal("the tests fail with every guard in its place")
	}
	for _, name := range guards {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			if !killed(t, suites, name) {
				t.Errorf("without the guard %q every test passes", name)
			}
		})
	}
}

// killed reports whether a test fails with a guard off.
func killed(t *testing.T, suites []string, guard string) bool {
	t.Helper()
	for i, suite := range suites {
		run := "^(TestNoForbiddenField|TestZeroValuesAreInert)$"
		dir := "."
		if i == 1 {
			run, dir = "^Test", "gate"
		}
		c := exec.CommandContext(t.Context(), suite, "-test.short", "-test.run", run, "-test.timeout", "120s")
		c.Dir, c.Env = dir, append(os.Environ(), mutantVariable+"="+guard)
		err := c.Run()
		var failed *exec.ExitError
		if err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		}
		if err != nil {
			return true
		}
	}
	return false
}

// mutate writes the sources with switches and the file that tells the compiler
// of them, and counts the guards by name.
func mutate(t *testing.T, dir string) (overlay string, found map[string]int) {
	t.Helper()
	found = map[string]int{}
	replace := map[string]string{}
	packages := map[string]bool{}
	for name, functions := range guarded {
		path, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first := !packages[filepath.Dir(path)]
		packages[filepath.Dir(path)] = true
		changed := filepath.Join(dir, fmt.Sprint(len(replace))+".go")
		if err := os.WriteFile(changed, switched(t, name, source, functions, found, first), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[path] = changed
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay, found
}

// switched puts a switch into every guard of a source.
func switched(t *testing.T, name string, source []byte, functions []string, found map[string]int, first bool) []byte {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := map[int]string{}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if guard, is := strings.CutPrefix(c.Text, "// guard: "); is {
				comments[files.Position(c.Pos()).Line] = guard
			}
		}
	}
	type cut struct {
		from, to int
		guard    string
	}
	var cuts []cut
	seen := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		fn, is := n.(*ast.FuncDecl)
		if !is || !slices.Contains(functions, fn.Name.Name) {
			return true
		}
		seen[fn.Name.Name] = true
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
				t.Errorf("%s: %s holds a switch: write its cases as guards", name, fn.Name.Name)
			case *ast.IfStmt:
				guard := comments[files.Position(n.Cond.Pos()).Line]
				if guard == "" {
					t.Errorf("%s: a condition without `// guard: name`", files.Position(n.Pos()))
					return true
				}
				found[guard]++
				cuts = append(cuts, cut{files.Position(n.Cond.Pos()).Offset, files.Position(n.Cond.End()).Offset, guard})
			}
			return true
		})
		return false
	})
	for _, fn := range functions {
		if !seen[fn] {
			t.Errorf("%s: there is no function %s", name, fn)
		}
	}
	slices.SortFunc(cuts, func(a, b cut) int { return b.from - a.from })
	for _, c := range cuts {
		cond := string(source[c.from:c.to])
		source = slices.Concat(source[:c.from], []byte("("+cond+") && mutant != "+fmt.Sprintf("%q", c.guard)), source[c.to:])
	}
	if first {
		end := files.Position(f.Name.End()).Offset
		source = slices.Concat(source[:end], []byte("\n\nimport mutantos \"os\"\n"), source[end:],
			[]byte("\nvar mutant = mutantos.Getenv(\""+mutantVariable+"\")\n"))
	}
	return source
}
