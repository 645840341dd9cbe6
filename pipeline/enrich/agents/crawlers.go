package agents

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"kelisim/pipeline/outcome"
)

// crawlersText is made from two public lists; see its first lines. A test makes
// it anew and compares.
//
//go:generate go test -run ^TestLists$ -update .
//go:embed crawlers.txt
var crawlersText string

// Classes of the list.
const (
	classCrawler  = "crawler"
	classTool     = "tool"     // a library or a program for requests
	classHeadless = "headless" // a browser that nobody looks at
)

// classes are what they become, the more telling ones first: a tool that calls
// itself a bot is a tool.
var classes = [...]struct {
	name string
	is   outcome.Outcome
}{
	{classHeadless, outcome.BotHeadless}, {classTool, outcome.BotTool}, {classCrawler, outcome.BotCrawler},
}

// crawlers finds programs that are no person's browser.
type crawlers struct {
	of [len(classes)]patterns
}

// compile reads a list: a pattern a line, as columns that tabs divide.
func compile(text string) (*crawlers, error) {
	c := &crawlers{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if err := c.add(strings.Split(line, "\t")); err != nil {
			return nil, fmt.Errorf("agents: crawlers: line %q: %w", line, err)
		}
	}
	return c, nil
}

// add takes the columns of a line: class, "i" where case does not matter, pattern
// and, where a pattern looks around, what may not stand before it and behind it.
func (c *crawlers) add(column []string) error {
	if len(column) != 3 && len(column) != 5 {
		return fmt.Errorf("%d columns", len(column))
	}
	p := written{text: column[2], fold: column[1] == "i"}
	if len(column) == 5 {
		p.before, p.behind = column[3], column[4]
	}
	for i, class := range classes {
		if class.name == column[0] {
			return c.of[i].add(p)
		}
	}
	return fmt.Errorf("no class %q", column[0])
}

// headless is how Chromium says in its User-Agent that nobody looks. A driven
// browser that says it in its brands alone, as those of a site's own tests do, is
// taken for a browser.
const headless = "HeadlessChrome"

// find says what a User-Agent is that is no person's browser; None for all else.
func (c *crawlers) find(userAgent string) outcome.Outcome {
	if strings.Contains(userAgent, headless) {
		return outcome.BotHeadless
	}
	lower := strings.ToLower(userAgent)
	for i, class := range classes {
		if c.of[i].match(userAgent, lower) {
			return class.is
		}
	}
	if !slices.ContainsFunc(browserWords[:], func(word string) bool { return strings.Contains(userAgent, word) }) {
		return outcome.BotTool
	}
	return outcome.None
}

// browserWords are those without which no browser is: since there are pages with
// scripts, every one has said one of them.
var browserWords = [...]string{"Mozilla/", "Opera", "UCWEB", "UC Browser"}
