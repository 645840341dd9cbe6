package agents

import (
	_ "embed"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/dlclark/regexp2"

	"kelisim/pipeline/outcome"
)

// crawlersText is made from two public lists; see its first lines. A test makes
// it anew and compares.
//
//go:embed crawlers.txt
var crawlersText string

// crawlers finds programs that are no person's browser.
type crawlers struct {
	literals []literal
	patterns []pattern
	others   []*regexp2.Regexp // those that look around, which RE2 cannot
	classes  map[outcome.Outcome]*regexp.Regexp
}

// literal is a pattern without signs.
type literal struct {
	text string
	fold bool // in lower case, to be looked for in lower case
}

// pattern is one that is tried only where the text that every match of it holds
// is found: that is a hundred times cheaper, and nearly always it is not there.
type pattern struct {
	needs  string // in lower case
	regexp *regexp.Regexp
}

// compile reads a list: one pattern a line, with the class and the case before it.
func compile(text string) (*crawlers, error) {
	c := &crawlers{classes: map[outcome.Outcome]*regexp.Regexp{}}
	classes := map[string][]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		class, rest, _ := strings.Cut(line, "\t")
		flags, pattern, ok := strings.Cut(rest, "\t")
		if !ok || pattern == "" {
			return nil, fmt.Errorf("agents: crawlers: line %q has no pattern", line)
		}
		if class != classCrawler {
			classes[class] = append(classes[class], "(?:"+pattern+")")
		}
		if err := c.add(pattern, flags == "i"); err != nil {
			return nil, fmt.Errorf("agents: crawlers: %w", err)
		}
	}
	for class, is := range map[string]outcome.Outcome{classTool: outcome.BotTool, classHeadless: outcome.BotHeadless} {
		all, err := regexp.Compile("(?i)" + strings.Join(classes[class], "|"))
		if err != nil {
			return nil, fmt.Errorf("agents: crawlers: %w", err)
		}
		c.classes[is] = all
	}
	return c, nil
}

// add compiles one pattern in the cheapest way there is for it.
func (c *crawlers) add(text string, fold bool) error {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		r, err := regexp2.Compile(text, regexp2.ECMAScript|regexp2.IgnoreCase)
		c.others = append(c.others, r)
		return err
	}
	if tree.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase == 0 {
		l := literal{string(tree.Rune), fold}
		if fold {
			l.text = strings.ToLower(l.text)
		}
		c.literals = append(c.literals, l)
		return nil
	}
	needs := strings.ToLower(required(tree))
	if fold {
		text = "(?i)" + text
	}
	r, err := regexp.Compile(text)
	c.patterns = append(c.patterns, pattern{needs, r})
	return err
}

// required is the longest text that every match of a pattern holds.
func required(tree *syntax.Regexp) (longest string) {
	switch tree.Op {
	case syntax.OpLiteral:
		return string(tree.Rune)
	case syntax.OpCapture, syntax.OpPlus, syntax.OpConcat:
		for _, sub := range tree.Sub {
			if text := required(sub); len(text) > len(longest) {
				longest = text
			}
		}
	}
	return longest
}

// Classes of the list.
const (
	classCrawler  = "crawler"
	classTool     = "tool"     // a library or a program for requests
	classHeadless = "headless" // a browser that nobody looks at
)

// headless is how Chromium says in its User-Agent that nobody looks. A driven
// browser that says it in its brands alone, as those of a site's own tests do, is
// taken for a browser.
const headless = "HeadlessChrome"

// find says what a User-Agent is that is no person's browser; None for all else.
func (c *crawlers) find(userAgent string) outcome.Outcome {
	if strings.Contains(userAgent, headless) {
		return outcome.BotHeadless
	}
	if !c.matches(userAgent) {
		return outcome.None
	}
	for _, is := range [...]outcome.Outcome{outcome.BotHeadless, outcome.BotTool} {
		if c.classes[is].MatchString(userAgent) {
			return is
		}
	}
	return outcome.BotCrawler
}

func (c *crawlers) matches(userAgent string) bool {
	lower := strings.ToLower(userAgent)
	for _, l := range c.literals {
		if l.fold && strings.Contains(lower, l.text) || !l.fold && strings.Contains(userAgent, l.text) {
			return true
		}
	}
	for _, p := range c.patterns {
		if strings.Contains(lower, p.needs) && p.regexp.MatchString(userAgent) {
			return true
		}
	}
	for _, r := range c.others {
		if is, err := r.MatchString(userAgent); is || err != nil {
			return true
		}
	}
	return false
}
