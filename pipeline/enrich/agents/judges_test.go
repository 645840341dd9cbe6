package agents

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// named is an entry of the lists of ua-parser.
type named struct {
	UserAgent string `yaml:"user_agent_string"`
	Family    string `yaml:"family"`
	Major     string `yaml:"major"`
}

// uap reads a list of ua-parser from the test data. Where their folder is absent
// the test is skipped, and says so.
func uap(t *testing.T, name string) []named {
	t.Helper()
	folder := os.Getenv("KELISIM_TEST_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("SKIPPED: THE TEST DATA ARE ABSENT (%s); name their folder with KELISIM_TEST_DATA", folder)
	}
	b, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Cases []named `yaml:"test_cases"`
	}
	if err := yaml.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all.Cases
}

// sample is an entry of npm's user-agents: browsers of visitors of real sites, with
// their share of the visits.
type sample struct {
	UserAgent string  `json:"userAgent"`
	Device    string  `json:"deviceCategory"`
	Weight    float64 `json:"weight"`
}

func samples(t *testing.T) (all []sample) {
	t.Helper()
	if err := json.Unmarshal(module(t, "user-agents", "dist", "user-agents.json"), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// collected is an entry of npm's random-useragent: a list that people collected by
// hand, in folders by what a program is, from the 1990s on.
type collected struct {
	UserAgent string `json:"userAgent"`
	Folder    string `json:"folder"`

	// What npm's ua-parser-js made of it.
	Browser string `json:"browserName"`
	Major   string `json:"browserMajor"`
	System  string `json:"osName"`
}

func collection(t *testing.T) (all []collected) {
	t.Helper()
	if err := json.Unmarshal(module(t, "random-useragent", "useragent-data.json"), &all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{} // some strings stand in two folders
	return slices.DeleteFunc(all, func(c collected) bool {
		again := seen[c.UserAgent]
		seen[c.UserAgent] = true
		return again
	})
}

// program reports whether the collection's folder holds programs that are no
// browsers.
func (c collected) program() bool {
	return slices.ContainsFunc([]string{"Spiders", "Downloaders", "Feed Readers", "Libraries", "Validators"}, func(folder string) bool {
		return strings.Contains(c.Folder, folder)
	})
}

// browser reports whether it holds browsers, and the string is one that a browser
// sends: all have begun with one of these words since there are pages with scripts.
func (c collected) browser() bool {
	return (strings.HasPrefix(c.Folder, "/Browsers") || strings.HasPrefix(c.Folder, "/Mobile")) && likeBrowser(c.UserAgent)
}

func likeBrowser(userAgent string) bool {
	return strings.HasPrefix(userAgent, "Mozilla/") || strings.HasPrefix(userAgent, "Opera/")
}

// ask has another project's own program answer for each string, by a function in
// the language of that program. Its lists are thus read as it reads them.
func ask(t *testing.T, function string, strings []string) (answers []bool) {
	t.Helper()
	in, err := json.Marshal(strings)
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "node", "-e", `const is = `+function+`; let text = "";
		process.stdin.on("data", (d) => { text += d }).on("end", () => process.stdout.write(JSON.stringify(JSON.parse(text).map(is))))`)
	run.Dir, run.Stdin = filepath.Dir(modules), bytes.NewReader(in)
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%v: node and what `make setup` installs are needed", err)
	}
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(strings) {
		t.Fatalf("%d answers for %d strings: %v", len(answers), len(strings), err)
	}
	return answers
}

// spiders splits a list of ua-parser's, which has no mark for crawlers: one is what
// npm's node-device-detector takes for a bot, none of whose list is compiled in.
func spiders(t *testing.T, all []named) (bots, others []named) {
	t.Helper()
	userAgents := make([]string, len(all))
	for i, n := range all {
		userAgents[i] = n.UserAgent
	}
	answers := ask(t, `((d) => (ua) => Object.keys(d.parseBot(ua) ?? {}).length > 0)(new (require("node-device-detector"))())`, userAgents)
	for i, bot := range answers {
		if bot {
			bots = append(bots, all[i])
		} else {
			others = append(others, all[i])
		}
	}
	return bots, others
}
