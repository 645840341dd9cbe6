// Package blackbox_test runs the real binary as its users do: it builds
// kelisim once, starts it as a process with flags, speaks HTTP to it, sends it
// signals, kills it, and counts in its database. Nothing of the program runs in
// the process of the tests.
package blackbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kelisim/storage/embedded"
)

// binaryVariable hands the path of the binary from TestMain to the tests.
const binaryVariable = "KELISIM_TEST_BINARY"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kelisim-blackbox-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "blackbox:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "kelisim")
	build := exec.Command("go", "build", "-o", binary, "kelisim/cmd/kelisim")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "blackbox: build: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(binaryVariable, binary); err != nil {
		fmt.Fprintln(os.Stderr, "blackbox:", err)
		return 1
	}
	code := m.Run()
	for _, left := range processesOf(binary) {
		fmt.Fprintln(os.Stderr, "blackbox: a process is left:", left)
		code = 1
	}
	return code
}

// processesOf lists the processes that still run a binary, the embedded engines
// included. Where there is no /proc it lists none; each test looks at the
// processes it knows of besides.
func processesOf(binary string) []string {
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return nil
	}
	var found []string
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.TrimSuffix(to, " (deleted)") == binary {
			found = append(found, link)
		}
	}
	return found
}

// environment is that of the tests without settings of the program, plus the
// place of the embedded engine's library and what a test adds.
func environment(t *testing.T, extra ...string) []string {
	t.Helper()
	library, err := embedded.FindLibrary(os.Getenv(embedded.LibraryVariable))
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "KELISIM_") {
			env = append(env, kv)
		}
	}
	return append(append(env, embedded.LibraryVariable+"="+library), extra...)
}
