package source

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"strings"
)

// sourcesText is the list; sources.txt explains its form.
//
//go:embed sources.txt
var sourcesText string

// ErrList is returned for a list that cannot be read.
var ErrList = errors.New("source: bad list")

// service is a line of the list. A nil service is an unknown one.
type service struct{ name, channel string }

// match is what the list says of a host: the service of the host alone, and the
// service of the host with all below it.
type match struct{ exact, wide *service }

// list is the list in a form for looking up.
type list struct {
	hosts     map[string]match
	apps      map[string]*service
	campaigns map[string]*service
	mailboxes map[string]*service // the first word of a webmail's host
}

// service finds the service behind an origin; nil where the list has none.
func (l *list) service(o origin) *service {
	switch o.kind {
	case app:
		return l.apps[string(o.host)]
	case web:
		if s := l.host(o.host); s != nil {
			return s
		}
		return l.mailbox(o.host)
	}
	return nil
}

// host looks a host up, then what is left of it after each of its dots.
func (l *list) host(host []byte) *service {
	for start := 0; start < len(host); {
		if m, ok := l.hosts[string(host[start:])]; ok {
			if m.exact != nil && (start == 0 || string(host[:start]) == "www.") {
				return m.exact
			}
			if m.wide != nil {
				return m.wide
			}
		}
		dot := bytes.IndexByte(host[start:], '.')
		if dot < 0 {
			return nil
		}
		start += dot + 1
	}
	return nil
}

// mailbox tells a webmail by the first word of its host, with or without a number
// behind it. It has a channel and no name.
func (l *list) mailbox(host []byte) *service {
	first, rest, _ := bytes.Cut(host, []byte("."))
	if !bytes.Contains(rest, []byte(".")) || !named(host) {
		return nil
	}
	return l.mailboxes[string(bytes.TrimRight(first, "0123456789"))]
}

// campaign finds a value of utm_source: a word of the list, or a host of it.
func (l *list) campaign(value []byte) *service {
	if len(value) == 0 {
		return nil
	}
	if s, ok := l.campaigns[string(value)]; ok {
		return s
	}
	return l.host(value)
}

// parser holds what is needed while a list is read.
type parser struct {
	list
	sets   map[string][]string
	byName map[string]*service // "name" and "channel/name"; of several the first
}

// parse reads a list.
func parse(text string) (list, error) {
	p := parser{
		list:   list{hosts: map[string]match{}, apps: map[string]*service{}, campaigns: map[string]*service{}, mailboxes: map[string]*service{}},
		sets:   map[string][]string{},
		byName: map[string]*service{},
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := p.line(line); err != nil {
			return list{}, fmt.Errorf("%w: line %d: %w", ErrList, number, err)
		}
	}
	return p.list, nil
}

func (p *parser) line(line string) error {
	parts := strings.Split(line, "|")
	if len(parts) != 3 {
		return errors.New("three parts are wanted")
	}
	head, name, words := strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]), strings.Fields(parts[2])
	switch head {
	case "set":
		p.sets[name] = append(p.sets[name], words...)
		return nil
	case "mailbox":
		for _, w := range words {
			p.mailboxes[w] = &service{channel: Email}
		}
		return nil
	case "utm":
		return p.values(name, words)
	case Search, Social, Email, Assistant, Paid, Referral:
		return p.service(&service{name: name, channel: head}, words)
	}
	return fmt.Errorf("%q is no channel", head)
}

// values adds words that mean a service in utm_source.
func (p *parser) values(name string, words []string) error {
	s := p.byName[name]
	if s == nil {
		return fmt.Errorf("%q is no service above", name)
	}
	for _, w := range words {
		if p.campaigns[w] != nil {
			return fmt.Errorf("%q stands twice", w)
		}
		p.campaigns[w] = s
	}
	return nil
}

// service adds the hosts and apps of a service.
func (p *parser) service(s *service, patterns []string) error {
	if s.name == "" || len(patterns) == 0 {
		return errors.New("a name and hosts are wanted")
	}
	for _, key := range [...]string{s.name, s.channel + "/" + s.name} {
		if p.byName[key] == nil {
			p.byName[key] = s
		}
	}
	for _, pattern := range patterns {
		expanded, err := p.expand(pattern)
		if err != nil {
			return err
		}
		for _, e := range expanded {
			if err := p.add(s, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parser) add(s *service, pattern string) error {
	if id, ok := strings.CutPrefix(pattern, "app:"); ok {
		if p.apps[id] != nil {
			return fmt.Errorf("%q stands twice", pattern)
		}
		p.apps[id] = s
		return nil
	}
	host, exact := strings.CutPrefix(pattern, "=")
	if !named([]byte(host)) {
		return fmt.Errorf("%q is no host", host)
	}
	m := p.hosts[host]
	place := &m.wide
	if exact {
		place = &m.exact
	}
	if *place != nil {
		return fmt.Errorf("%q stands twice", pattern)
	}
	*place = s
	p.hosts[host] = m
	return nil
}

// expand writes a pattern out: braces hold choices or the name of a set.
func (p *parser) expand(pattern string) ([]string, error) {
	before, rest, ok := strings.Cut(pattern, "{")
	if !ok {
		return []string{pattern}, nil
	}
	inner, after, ok := strings.Cut(rest, "}")
	if !ok {
		return nil, fmt.Errorf("%q: a brace is open", pattern)
	}
	choices := strings.Split(inner, ",")
	if len(choices) == 1 {
		if choices = p.sets[inner]; len(choices) == 0 {
			return nil, fmt.Errorf("%q: there is no set %q", pattern, inner)
		}
	}
	var all []string
	for _, c := range choices {
		tails, err := p.expand(after)
		if err != nil {
			return nil, err
		}
		for _, t := range tails {
			all = append(all, before+c+t)
		}
	}
	return all, nil
}
