package agents

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
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

// columns writes a pattern as a line of the list has it: what it looks around for
// stands apart from it. RE2 must read all that is left.
func columns(t *testing.T, class, flags, pattern string) string {
	t.Helper()
	text, before, behind := strings.ReplaceAll(pattern, `\/`, "/"), "", ""
	if rest, ok := strings.CutPrefix(text, "(?<!"); ok {
		before, text, _ = strings.Cut(rest, ")")
	}
	if at := strings.LastIndex(text, "(?!"); at >= 0 {
		text, behind = text[:at], strings.TrimSuffix(text[at+len("(?!"):], ")")
	}
	for _, part := range []string{text, before, behind} {
		if _, err := regexp.Compile(part); err != nil || strings.Contains(part, "\t") || text == "" {
			t.Fatalf("the pattern %s needs a translation of its own: %v", pattern, err)
		}
	}
	line := []string{class, flags, text}
	if before+behind != "" {
		line = append(line, before, behind)
	}
	return strings.Join(line, "\t")
}

// literal is the text of a pattern without signs.
func literal(pattern string) (string, bool) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || tree.Op != syntax.OpLiteral || tree.Flags&syntax.FoldCase != 0 {
		return "", false
	}
	return string(tree.Rune), true
}

// build makes the list. A text that holds another text of the list finds nothing
// more than that one and is left out, unless its class tells more.
func build(t *testing.T) string {
	t.Helper()
	var lines, texts []string
	for _, p := range isbot(t) {
		if p != strings.ToLower(p) {
			t.Fatalf("isbot's %s is not in lower case", p)
		}
		lines = append(lines, columns(t, classCrawler, "i", p))
		if text, ok := literal(p); ok {
			texts = append(texts, text)
		}
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
		text, ok := literal(l.Pattern)
		if ok && class == classCrawler && slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(strings.ToLower(text), s) }) {
			continue
		}
		lines = append(lines, columns(t, class, "-", l.Pattern))
	}
	slices.Sort(lines)
	return fmt.Sprintf(`# Programs that are no person's browser: class, i where case does not matter, pattern
# and, where there are two columns more, what may not stand before it and behind it.
# Made from npm's isbot %s (Unlicense) and crawler-user-agents %s (MIT, (c) Martin
# Monperrus and contributors), of which a fixed fifth is left out to judge the rest.
# Made with: go generate ./pipeline/enrich/agents
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
		t.Error("crawlers.txt is not what the lists give: go generate ./pipeline/enrich/agents")
	}
}

// TestListsAreReadAsMeant: the patterns of isbot find here what they find there, in
// every string of every list and in some that their looking around is about.
func TestListsAreReadAsMeant(t *testing.T) {
	var p patterns
	for _, pattern := range isbot(t) {
		column := append(strings.Split(columns(t, classCrawler, "i", pattern), "\t"), "", "")
		if err := p.add(written{text: column[2], fold: true, before: column[3], behind: column[4]}); err != nil {
			t.Fatal(err)
		}
	}
	all := []string{
		"x CUBOT_X", "x CUBOTS bot", "xCUBOT", "bot_", "robots", "bottle", "CamScanner", "xscan camscan", "libhttp", "libhttp http", "ahttp", "java;", "java; javax", "java",
		"newssapphire", "gnews", "xnews", "news", "newssapphire news", " channel/google", "google/google", "google/googlewv google", "googleapp", "google pixel", "google/google/google/", "GoogleBot",
	}
	for _, l := range crawlerUserAgents(t) {
		all = append(all, l.Instances...)
	}
	for _, s := range samples(t) {
		all = append(all, s.UserAgent)
	}
	for _, c := range collection(t) {
		all = append(all, c.UserAgent)
	}
	bots := 0
	for i, want := range ask(t, `((l) => (ua) => l.isbot(ua))(require("isbot"))`, all) {
		if want {
			bots++
		}
		if got := p.match(all[i], strings.ToLower(all[i])); got != want {
			t.Errorf("isbot says %v here and %v there of %.200s", got, want, all[i])
		}
	}
	if bots < 1000 || bots > len(all)/2 {
		t.Errorf("%d of %d strings are bots: the lists are not those that were meant", bots, len(all))
	}
}
