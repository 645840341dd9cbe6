// Package kelisim_test checks the rules of the structure: who may import what,
// and what pure packages may not do. Each rule says why it stands.
package kelisim_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

type goPackage struct {
	ImportPath, Dir, Doc, Name string
	Imports, GoFiles           []string
}

// packages lists the packages of the module.
func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Doc,Name,Imports,GoFiles", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
	return all
}

func under(path string, roots ...string) bool {
	for _, r := range roots {
		if path == r || strings.HasPrefix(path, r+"/") {
			return true
		}
	}
	return false
}

// TestImportRules checks direct imports.
func TestImportRules(t *testing.T) {
	const m = "kelisim/"
	rules := []struct {
		what    string // an import path, with all below it
		allowed []string
		why     string
	}{
		{"github.com/gofiber/fiber", []string{m + "collector", m + "dashboard", m + "cmd"}, "HTTP is decoded at the edge only"},
		{"github.com/ClickHouse/clickhouse-go", []string{m + "storage"}, "the database is reached through storage only"},
		{"github.com/ClickHouse/ch-go", []string{m + "storage"}, "the database is reached through storage only"},
		{"github.com/prometheus", []string{m + "cmd/kelisim/node"}, "parts count in plain numbers; the node makes series of them"},
		{m + "storage", []string{m + "storage", m + "collector", m + "dashboard", m + "cmd"}, "the pipeline does not know where rows go"},
		{m + "collector", []string{m + "cmd"}, "nothing stands on the edge"},
		{m + "dashboard", []string{m + "dashboard", m + "storage", m + "cmd"}, "nothing stands on the dashboard but what answers it"},
	}
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for _, r := range rules {
				if under(imported, r.what) && !under(p.ImportPath, r.allowed...) && !under(p.ImportPath, r.what) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, r.why)
				}
			}
			if p.ImportPath == "kelisim/consent" && under(imported, "kelisim") {
				t.Errorf("consent imports %s: it imports nothing of ours", imported)
			}
			if under(p.ImportPath, "kelisim/consent") && under(imported, "kelisim") && !under(imported, "kelisim/consent", "kelisim/banner/locale") {
				t.Errorf("%s imports %s: the domain knows nothing of the rest", p.ImportPath, imported)
			}
		}
	}
}

// TestPurePackages checks that what decides about people's data does no input or
// output and reads no clock of its own.
func TestPurePackages(t *testing.T) {
	pure := map[string]bool{
		"kelisim/consent": true, "kelisim/consent/policy": true, "kelisim/pipeline/outcome": true, "kelisim/pipeline/validate": true,
		"kelisim/pipeline/gate": true, "kelisim/pipeline/enrich": true, "kelisim/pipeline/minimise": true,
		"kelisim/pipeline/enrich/agents": true, "kelisim/pipeline/enrich/source": true,
	}
	banned := []string{"os", "net", "net/http", "database/sql", "os/exec", "syscall"}
	for _, p := range packages(t) {
		if !pure[p.ImportPath] {
			continue
		}
		for _, imported := range p.Imports {
			for _, b := range banned {
				if imported == b {
					t.Errorf("%s imports %s: it must do no input or output", p.ImportPath, b)
				}
			}
			// A hash of an address or a User-Agent is an identifier of its own.
			if under(p.ImportPath, "kelisim/pipeline") && under(imported, "crypto", "hash", "math/rand") {
				t.Errorf("%s imports %s: no identifier is derived from what a browser is or where it is (R37, R48)", p.ImportPath, imported)
			}
		}
		eachFile(t, p, func(name string, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && (s.Sel.Name == "Now" || s.Sel.Name == "Since") {
						t.Errorf("%s reads the clock: time is an argument there", name)
					}
				}
				return true
			})
		})
	}
}

// TestManners checks what holds for every package.
func TestManners(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		for _, vague := range []string{"util", "utils", "common", "helpers", "models", "types", "misc"} {
			if filepath.Base(p.ImportPath) == vague {
				t.Errorf("%s: the name says nothing", p.ImportPath)
			}
		}
		eachFile(t, p, func(name string, f *ast.File) {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s has an init function: main wires by hand", name)
				}
				if ok && fn.Name.IsExported() && fn.Doc == nil && fn.Recv == nil {
					t.Errorf("%s: %s has no comment", name, fn.Name.Name)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && s.Sel.Name == "Sleep" {
						t.Errorf("%s sleeps: wait on a timer and a context", name)
					}
				}
				return true
			})
		})
	}
}

func eachFile(t *testing.T, p goPackage, visit func(string, *ast.File)) {
	t.Helper()
	for _, name := range p.GoFiles {
		path := filepath.Join(p.Dir, name)
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		visit(p.ImportPath+"/"+name, f)
	}
}

// TestMakefileIsShort keeps the list of targets readable.
func TestMakefileIsShort(t *testing.T) {
	b, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n >= 60 {
		t.Errorf("the Makefile has %d lines, fewer than 60 are wanted", n)
	}
}
