package agents

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write crawlers.txt anew")

// modules is where npm puts the public lists.
const modules = "../../../js/node_modules"

// listed is one entry of npm's crawler-user-agents.
type listed struct {
	Pattern   string   `json:"pattern"`
	Tags      []string `json:"tags"`
	Instances []string `json:"instances"`
}

// leftOut is the fixed fifth of crawler-user-agents that the list is not made
// from, so that it can judge it.
func leftOut(pattern string) bool {
	sum := sha256.Sum256([]byte(pattern))
	return sum[0]%5 == 0
}

func module(t *testing.T, elements ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{modules}, elements...)...))
	if err != nil {
		t.Fatalf("%v: run `make setup`", err)
	}
	return b
}

func version(t *testing.T, name string) string {
	t.Helper()
	var p struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(module(t, name, "package.json"), &p); err != nil {
		t.Fatal(err)
	}
	return p.Version
}

// isbot reads the patterns of npm's isbot.
func isbot(t *testing.T) (patterns []string) {
	t.Helper()
	_, rest, _ := bytes.Cut(module(t, "isbot", "index.mjs"), []byte("patterns_default = "))
	list, _, found := bytes.Cut(rest, []byte("];"))
	if err := json.Unmarshal(append(list, ']'), &patterns); err != nil || !found {
		t.Fatalf("the patterns of isbot cannot be read: %v", err)
	}
	return patterns
}

func crawlerUserAgents(t *testing.T) (all []listed) {
	t.Helper()
	if err := json.Unmarshal(module(t, "crawler-user-agents", "crawler-user-agents.json"), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// build makes the list.
func build(t *testing.T) string {
	t.Helper()
	var lines []string
	for _, p := range isbot(t) {
		lines = append(lines, classCrawler+"\ti\t"+p)
	}
	for _, l := range crawlerUserAgents(t) {
		if leftOut(l.Pattern) {
			continue
		}
		class := classCrawler
		switch {
		case slices.Contains(l.Tags, "browser-automation"):
			class = classHeadless
		case slices.Contains(l.Tags, "http-library"):
			class = classTool
		}
		lines = append(lines, class+"\t-\t"+strings.ReplaceAll(l.Pattern, `\/`, "/"))
	}
	slices.Sort(lines)
	return fmt.Sprintf(`# Programs that are no person's browser: class, i where case does not matter, pattern.
# Made from npm's isbot %s (Unlicense) and crawler-user-agents %s (MIT, (c) Martin
# Monperrus and contributors), of which a fixed fifth is left out to judge the rest.
# go test ./pipeline/enrich/agents -run Lists -update
`, version(t, "isbot"), version(t, "crawler-user-agents")) + strings.Join(lines, "\n") + "\n"
}

// TestLists makes the list anew: it is what the public lists give.
func TestLists(t *testing.T) {
	want := build(t)
	if *update {
		if err := os.WriteFile("crawlers.txt", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if crawlersText != want {
		t.Error("crawlers.txt is not what the lists give: go test ./pipeline/enrich/agents -run Lists -update")
	}
}
