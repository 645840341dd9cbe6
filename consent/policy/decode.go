package policy

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile is the largest policy file that is read, in bytes.
const maxFile = 1 << 17

// decoder turns a YAML tree into a value. It is strict and it goes on after a
// fault, so that an author sees everything at once: keys that nothing knows,
// values of the wrong kind, keys that stand twice.
type decoder struct {
	file     string
	lines    map[string]int // path -> line, for every key that stands in the file
	bad      map[string]bool
	problems Problems
}

func decode(file string, data []byte, into any) *decoder {
	d := &decoder{file: file, lines: map[string]int{}, bad: map[string]bool{}}
	if len(data) > maxFile {
		d.fail("", "", fmt.Sprintf("a policy file has at most %d bytes", maxFile), 1)
		return d
	}
	tree, err := parse(data)
	if err != nil {
		what, line := syntax(err)
		d.fail("", "", "is not readable YAML: "+what, line)
		return d
	}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		d.fail("", "", "a policy file holds exactly one document", 1)
		return d
	}
	d.value("", tree.Docs[0].Body, reflect.ValueOf(into).Elem())
	return d
}

// parse shields the caller from a parser that panics on malformed bytes.
func parse(data []byte) (tree *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			tree, err = nil, fmt.Errorf("%v", r)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// syntax takes a parser's error apart: "[line:column] what is wrong", and then
// an excerpt that is not wanted.
func syntax(err error) (what string, line int) {
	what, _, _ = strings.Cut(err.Error(), "\n")
	if place, rest, ok := strings.Cut(what, "] "); ok && strings.HasPrefix(place, "[") {
		digits, _, _ := strings.Cut(place[1:], ":")
		if n, err := strconv.Atoi(digits); err == nil {
			return rest, n
		}
	}
	return what, 1
}

func (d *decoder) fail(path, value, rule string, line int) {
	d.bad[path] = true
	if path == "" {
		path = "(file)"
	}
	d.problems = append(d.problems, Problem{File: d.file, Field: path, Value: shorten(value), Rule: rule, Line: line})
}

// has reports whether a key stands in the file.
func (d *decoder) has(path string) bool { _, ok := d.lines[path]; return ok }

// scalarReader is a struct that has a short form of one word.
type scalarReader interface{ scalar(string) (rule string) }

func (d *decoder) value(path string, n ast.Node, v reflect.Value) {
	line := lineOf(n)
	if path != "" {
		d.lines[path] = line
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.fail(path, n.String(), "anchors, aliases and tags are not used in policy files: write the value", line)
		return
	}
	if s, ok := scalarOf(n); ok && v.CanAddr() {
		if r, ok := v.Addr().Interface().(scalarReader); ok {
			if rule := r.scalar(s); rule != "" {
				d.fail(path, s, rule, line)
			}
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(path, n, v)
	case reflect.Slice:
		d.slice(path, n, v)
	case reflect.Map:
		d.mapping(path, n, v)
	default:
		d.scalar(path, n, v)
	}
}

func (d *decoder) scalar(path string, n ast.Node, v reflect.Value) {
	s, ok := scalarOf(n)
	if !ok {
		rule := "wants a single value"
		if _, empty := n.(*ast.NullNode); empty {
			rule = `has no value: write one, in quotes where it holds a #, which begins a comment otherwise`
		}
		d.fail(path, describe(n), rule, lineOf(n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Int:
		i, err := strconv.Atoi(s)
		if err != nil {
			d.fail(path, s, "wants a whole number", lineOf(n))
			return
		}
		v.SetInt(int64(i))
	case reflect.Bool:
		if s != "true" && s != "false" {
			d.fail(path, s, "wants true or false", lineOf(n))
			return
		}
		v.SetBool(s == "true")
	}
}

func (d *decoder) structure(path string, n ast.Node, v reflect.Value) {
	pairs, ok := pairsOf(n)
	if !ok {
		d.fail(path, describe(n), "wants keys and values", lineOf(n))
		return
	}
	fields := map[string]int{}
	var known []string
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "" && tag != "-" {
			fields[tag] = i
			known = append(known, tag)
		}
	}
	for _, pair := range pairs {
		key, at := keyOf(pair)
		sub := join(path, key)
		i, ok := fields[key]
		if !ok {
			d.fail(sub, describe(pair.Value), "is an unknown key; known here: "+strings.Join(known, ", "), at)
			continue
		}
		if d.twice(sub, pair) {
			continue
		}
		d.value(sub, pair.Value, v.Field(i))
		d.lines[sub] = at
	}
}

func (d *decoder) slice(path string, n ast.Node, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(path, describe(n), "wants a list", lineOf(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		d.value(fmt.Sprintf("%s[%d]", path, i), item, out.Index(i))
	}
	v.Set(out)
}

func (d *decoder) mapping(path string, n ast.Node, v reflect.Value) {
	pairs, ok := pairsOf(n)
	if !ok {
		d.fail(path, describe(n), "wants keys and values", lineOf(n))
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, pair := range pairs {
		key, at := keyOf(pair)
		if d.twice(join(path, key), pair) {
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(join(path, key), pair.Value, item)
		d.lines[join(path, key)] = at
		out.SetMapIndex(reflect.ValueOf(key), item)
	}
	v.Set(out)
}

// twice reports a key that stood before.
func (d *decoder) twice(path string, pair *ast.MappingValueNode) bool {
	if !d.has(path) {
		return false
	}
	_, at := keyOf(pair)
	d.fail(path, describe(pair.Value), fmt.Sprintf("stands twice, first in line %d", d.lines[path]), at)
	return true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func pairsOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

func keyOf(pair *ast.MappingValueNode) (key string, line int) {
	if t := pair.Key.GetToken(); t != nil {
		return t.Value, t.Position.Line
	}
	return pair.Key.String(), 0
}

// scalarOf is the text of a single value as it stands in the file, so that a
// number with leading zeros keeps them. Anchors, aliases, tags and merged keys
// are no values of a policy.
func scalarOf(n ast.Node) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(s.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func describe(n ast.Node) string {
	switch n.(type) {
	case nil:
		return ""
	case *ast.NullNode:
		return ""
	case *ast.MappingNode, *ast.MappingValueNode:
		return "{…}"
	case *ast.SequenceNode:
		return "[…]"
	}
	if s, ok := scalarOf(n); ok {
		return s
	}
	if t := n.GetToken(); t != nil {
		return t.Value
	}
	return ""
}

func lineOf(n ast.Node) int {
	if n == nil {
		return 0
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
