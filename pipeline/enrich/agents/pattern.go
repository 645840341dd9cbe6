package agents

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// written is a pattern as the list has it. RE2, which needs no more time for a
// spiteful text than for any other, cannot look around; what a pattern must not
// stand behind or before is therefore a pattern of its own.
type written struct {
	text           string
	fold           bool   // case does not matter; the text is in lower case
	before, behind string // "" where nothing is barred
}

// patterns are looked for, each in the cheapest way there is.
type patterns struct {
	exact, folded texts // without signs
	regexps       []pattern
}

// texts are found all at once: what begins alike lies together.
type texts struct {
	short []string
	by    map[[head]byte][]string // by the first bytes
}

// head is how many bytes of a text lead to it.
const head = 4

func (t *texts) add(s string) {
	if len(s) < head {
		t.short = append(t.short, s)
		return
	}
	if t.by == nil {
		t.by = map[[head]byte][]string{}
	}
	key := [head]byte([]byte(s))
	t.by[key] = append(t.by[key], s)
}

// in reports whether one of the texts stands in another one.
func (t *texts) in(s string) bool {
	for _, short := range t.short {
		if strings.Contains(s, short) {
			return true
		}
	}
	for at := 0; at+head <= len(s) && len(t.by) > 0; at++ {
		for _, one := range t.by[[head]byte([]byte(s[at:at+head]))] {
			if strings.HasPrefix(s[at:], one) {
				return true
			}
		}
	}
	return false
}

// pattern is one that is tried only where a text that every match of it holds is
// found: nearly always none is there, and looking for a text is cheap.
type pattern struct {
	needs          []string // in lower case, one of them; none: it is always tried
	fold           bool
	regexp         *regexp.Regexp
	before, behind *regexp.Regexp // what may not stand there; nil where nothing is barred
}

func (p *patterns) add(w written) error {
	tree, err := syntax.Parse(w.text, syntax.Perl)
	if err != nil {
		return err
	}
	if tree.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase == 0 && w.before+w.behind == "" {
		if w.fold {
			p.folded.add(string(tree.Rune))
		} else {
			p.exact.add(string(tree.Rune))
		}
		return nil
	}
	one := pattern{needs: required(tree), fold: w.fold}
	if one.regexp, err = regexp.Compile(w.text); err != nil {
		return err
	}
	if w.before != "" {
		if one.before, err = regexp.Compile("(?:" + w.before + ")$"); err != nil {
			return err
		}
	}
	if w.behind != "" {
		if one.behind, err = regexp.Compile("^(?:" + w.behind + ")"); err != nil {
			return err
		}
	}
	p.regexps = append(p.regexps, one)
	return nil
}

// required lists texts, in lower case, of which every match of a pattern holds at
// least one; none where there is no such list.
func required(tree *syntax.Regexp) []string {
	switch tree.Op {
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(tree.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return required(tree.Sub[0])
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return required(tree.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range tree.Sub {
			if texts := required(sub); shortest(texts) > shortest(best) {
				best = texts
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range tree.Sub {
			texts := required(sub)
			if len(texts) == 0 {
				return nil
			}
			all = append(all, texts...)
		}
		return all
	}
	return nil
}

// shortest is the length of the shortest text; 0 where there is none.
func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	return len(slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}

// match reports whether one of the patterns is found in a text.
func (p *patterns) match(text, lower string) bool {
	if p.folded.in(lower) || p.exact.in(text) {
		return true
	}
	for i := range p.regexps {
		if p.regexps[i].match(text, lower) {
			return true
		}
	}
	return false
}

// looksBack is how much is looked at of what stands before a match: more than any
// pattern of the list needs.
const looksBack = 32

func (p *pattern) match(text, lower string) bool {
	if len(p.needs) > 0 && !slices.ContainsFunc(p.needs, func(s string) bool { return strings.Contains(lower, s) }) {
		return false
	}
	if p.fold {
		text = lower
	}
	if p.before == nil && p.behind == nil {
		return p.regexp.MatchString(text)
	}
	for _, at := range p.regexp.FindAllStringIndex(text, -1) {
		barred := p.before != nil && p.before.MatchString(text[max(0, at[0]-looksBack):at[0]]) || p.behind != nil && p.behind.MatchString(text[at[1]:])
		if !barred {
			return true
		}
	}
	return false
}
