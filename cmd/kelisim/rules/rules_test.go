// Package rules_test runs the rules of the banner, R01 to R29, in real browsers
// against real nodes. The steps in the browser stand in js/e2e/rules; this side
// starts the nodes they ask for, moves their clocks, changes their policies and
// asks their databases.
package rules_test

import (
	"cmp"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"kelisim/storage/embedded"
)

func TestMain(m *testing.M) {
	if embedded.IsChild() {
		os.Exit(embedded.RunChild())
	}
	os.Exit(m.Run())
}

// TestBrowserRules runs each rule in the engines that KELISIM_TEST_ENGINES names,
// separated by commas, and prints the table; without it in Chromium.
func TestBrowserRules(t *testing.T) {
	control := httptest.NewServer(newWorld(t).handler())
	t.Cleanup(control.Close)
	where, err := json.Marshal(map[string]string{
		"control": control.URL, "engines": cmp.Or(os.Getenv("KELISIM_TEST_ENGINES"), "chromium"),
	})
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "npx", "--no-install", "vitest", "run", "--config", "vitest.rules.config.ts")
	run.Args = append(run.Args, filters()...)
	run.Dir = filepath.Join("..", "..", "..", "js")
	run.Env = append(os.Environ(), "KELISIM_RULES="+string(where))
	run.Stdout, run.Stderr = t.Output(), t.Output()
	if err := run.Run(); err != nil {
		t.Fatal(err)
	}
}

// filters lets a person run some of the rules: KELISIM_TEST_RULES=R16.
func filters() []string {
	if rules := os.Getenv("KELISIM_TEST_RULES"); rules != "" {
		return []string{"-t", rules}
	}
	return nil
}
