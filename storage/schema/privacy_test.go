package schema_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kelisim/consent"
	"kelisim/storage/storagetest"
)

var update = flag.Bool("update", false, "write the columns into docs/privacy.md")

// Marks of the part of a table's section that is made from the schema.
const (
	columnsBegin = "| column | what it is | licensed by |\n|---|---|---|\n"
	columnsEnd   = "\n\n"
)

// docs/privacy.md must tell of every table how long its rows live, and of every
// column what it is and what licenses it, in the words of the schema.
func TestPrivacyPageNamesEveryColumn(t *testing.T) {
	storagetest.DB(t)
	path := filepath.Join(root, "docs", "privacy.md")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	rows, names := map[string]string{}, []string{}
	for _, c := range columns(t, storagetest.Admin(t)) {
		if rows[c.Table] == "" {
			names = append(names, c.Table)
		}
		rows[c.Table] += privacyRow(t, c)
	}
	for _, table := range names {
		head := "### " + table + "\n"
		at := strings.Index(page, head)
		if at < 0 {
			t.Errorf("docs/privacy.md does not tell of table %s", table)
			continue
		}
		section, _, _ := strings.Cut(page[at+len(head):], "\n## ")
		section, _, _ = strings.Cut(section, "\n### ")
		if !strings.Contains(section, "\nLives ") {
			t.Errorf("docs/privacy.md does not tell how long the rows of %s live", table)
		}
		_, given, found := strings.Cut(section+columnsEnd, columnsBegin)
		given, _, _ = strings.Cut(given, columnsEnd)
		want := strings.TrimSuffix(rows[table], "\n")
		switch {
		case !found:
			t.Errorf("docs/privacy.md has no columns of %s", table)
		case given != want && *update:
			page = page[:at] + strings.Replace(page[at:], columnsBegin+given, columnsBegin+want, 1)
		case given != want:
			t.Errorf("docs/privacy.md tells of %s\n%s\nwant (go test ./storage/schema -run Privacy -update)\n%s", table, given, want)
		}
	}
	for _, line := range strings.Split(page, "\n") {
		if table, is := strings.CutPrefix(line, "### "); is && rows[table] == "" {
			t.Errorf("docs/privacy.md tells of a table %s that there is not", table)
		}
	}
	if *update && page != string(b) {
		if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// privacyRow is a column as the page tells of it.
func privacyRow(t *testing.T, c column) string {
	t.Helper()
	match := licence.FindStringSubmatch(c.Comment)
	if match == nil {
		t.Fatalf("%s.%s: comment %q does not end with [field]", c.Table, c.Name, c.Comment)
	}
	what := strings.TrimSuffix(c.Comment, " ["+match[1]+"]")
	var by []string
	for _, word := range strings.Split(match[1], "|") {
		if _, field := consent.ParseField(word); field {
			word = "`" + word + "`"
		}
		by = append(by, word)
	}
	return fmt.Sprintf("| `%s` | %s | %s |\n", c.Name, strings.ReplaceAll(what, "|", "\\|"), strings.Join(by, ", "))
}

// Every field that a policy can grant is explained once.
func TestPrivacyPageNamesEveryField(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "docs", "privacy.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(b), "\n## What licenses a column\n")
	page, _, _ = strings.Cut(page, "\n## ")
	for _, f := range consent.AllFields() {
		if strings.Count(page, "\n| `"+f.String()+"` | ") != 1 {
			t.Errorf("docs/privacy.md does not explain the field %s", f)
		}
	}
}
