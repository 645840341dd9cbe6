package dashboard_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"kelisim/dashboard"
	"kelisim/dashboard/report"
	"kelisim/pipeline/outcome"
)

var update = flag.Bool("update", false, "write the golden files anew")

func languages() []string { return []string{"kk", "ru", "en"} }

func texts(t *testing.T, lang string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("texts/" + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTexts holds the three languages against one another.
func TestTexts(t *testing.T) {
	placeholder := regexp.MustCompile(`\{[a-z]+\}`)
	shape := func(m map[string]string) map[string]string {
		out := map[string]string{}
		for key, text := range m {
			found := placeholder.FindAllString(text, -1)
			sort.Strings(found)
			out[key] = strings.Join(found, " ")
		}
		return out
	}
	english := texts(t, "en")
	for _, lang := range languages() {
		m := texts(t, lang)
		if diff := cmp.Diff(shape(english), shape(m)); diff != "" {
			t.Errorf("%s has other keys or placeholders than en (-en +%s)\n%s", lang, lang, diff)
		}
		for key, text := range m {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s is empty", lang, key)
			}
			if lang != "en" && mixesAlphabets(placeholder.ReplaceAllString(text, "")) {
				t.Errorf("%s: %s mixes Latin letters into a Cyrillic word: %q", lang, key, text)
			}
		}
	}
	same := []string{"site", "desktop", "mobile", "tablet", "brand", "duration", "duration_short", "reason_bot"}
	kk, ru := texts(t, "kk"), texts(t, "ru")
	for key := range kk {
		if kk[key] == ru[key] && !contains(same, key) {
			t.Errorf("%s is the same in Kazakh and Russian: %q", key, kk[key])
		}
	}
}

// TestEveryDropHasWords: each reason, and each detail that tells something more,
// is said in every language, and nothing else is.
func TestEveryDropHasWords(t *testing.T) {
	n := map[outcome.Reason]int{}
	for _, o := range outcome.All() {
		n[o.Reason()]++
	}
	want := map[string]bool{}
	for _, o := range outcome.All() {
		if o == outcome.Stored {
			continue
		}
		want["reason_"+o.Reason().String()] = true
		if n[o.Reason()] > 1 {
			want["detail_"+o.Reason().String()+"_"+o.Detail()] = true
		}
	}
	for _, lang := range languages() {
		got := map[string]bool{}
		for key := range texts(t, lang) {
			if strings.HasPrefix(key, "reason_") || strings.HasPrefix(key, "detail_") {
				got[key] = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", lang, diff)
		}
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

func mixesAlphabets(text string) bool {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		latin, cyrillic := false, false
		for _, r := range word {
			latin = latin || unicode.Is(unicode.Latin, r)
			cyrillic = cyrillic || unicode.Is(unicode.Cyrillic, r)
		}
		if latin && cyrillic {
			return true
		}
	}
	return false
}

// wellFormed reads a page as strictly as XML: every element is closed where it
// has to be, every attribute is quoted.
func wellFormed(t *testing.T, name, text string) {
	t.Helper()
	text = strings.TrimPrefix(text, "<!doctype html>")
	// What HTML allows and XML does not: elements that are never closed, and
	// attributes without a value.
	text = regexp.MustCompile(`<(meta|link|input|br)\b([^>]*)>`).ReplaceAllString(text, `<$1$2/>`)
	bare := regexp.MustCompile(` (required|selected|autofocus)([ />])`)
	for bare.MatchString(text) {
		text = bare.ReplaceAllString(text, ` $1=""$2`)
	}
	d := xml.NewDecoder(strings.NewReader(text))
	d.Entity = xml.HTMLEntity
	ids := map[string]bool{}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Errorf("%s is not well formed: %v", name, err)
			return
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local == "script" {
			t.Errorf("%s has a script", name)
		}
		for _, a := range start.Attr {
			switch key := a.Name.Local; {
			case key == "style", strings.HasPrefix(key, "on"):
				t.Errorf("%s has %s= inline", name, key)
			case key == "id" && ids[a.Value]:
				t.Errorf("%s has the id %s twice", name, a.Value)
			case key == "id":
				ids[a.Value] = true
			}
		}
	}
}

// visible is what a page says, without its tags.
func visible(text string) string {
	text = regexp.MustCompile(`(?s)^.*?<body[^>]*>`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`<option[^>]*>[^<]*</option>`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, "\n")
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

func TestReportInThreeLanguages(t *testing.T) {
	b := open(t, dashboard.Options{})
	b.login()
	for _, lang := range languages() {
		p := b.get("/?site=shop&days=7&lang=" + lang)
		wellFormed(t, lang, p.text)
		golden(t, "report."+lang+".txt", visible(p.text))
		if strings.Contains(p.text, "<script") {
			t.Errorf("%s: a label reaches the page as markup", lang)
		}
		if !strings.Contains(p.text, `<html lang="`+lang+`">`) {
			t.Errorf("%s: wrong language on the element", lang)
		}
		login := open(t, dashboard.Options{}).get("/login?lang=" + lang)
		wellFormed(t, lang+" login", login.text)
	}
	if p := b.get("/"); !strings.Contains(p.text, `<html lang="en">`) {
		t.Error("the language is not remembered")
	}
	russian := visible(b.get("/?lang=ru").text)
	if n := strings.Count(strings.ToLower(russian), "отказ"); n != 1 {
		t.Errorf("«отказ…» stands %d times on the Russian page, want once, in «доля отказавшихся дать согласие»", n)
	}
}

func TestEmptyStates(t *testing.T) {
	for presence, name := range map[report.Presence]string{
		report.Nothing: "nothing", report.Asked: "asked", report.Consented: "consented",
		report.Elsewhere: "elsewhere", report.Some: "few",
	} {
		r := &reader{presence: presence}
		if presence == report.Asked {
			r.series = map[report.Metric]map[report.Dimension]report.Series{report.Banner: full().series[report.Banner]}
		}
		b := open(t, dashboard.Options{Reader: r})
		b.login()
		var all strings.Builder
		for _, lang := range languages() {
			p := b.get("/?lang=" + lang)
			wellFormed(t, name+" "+lang, p.text)
			all.WriteString("== " + lang + "\n" + visible(p.text))
		}
		golden(t, "empty-"+name+".txt", all.String())
	}
}

func TestDatabaseAway(t *testing.T) {
	b := open(t, dashboard.Options{Reader: &reader{err: errAway}})
	b.login()
	p := b.get("/?lang=en")
	if p.StatusCode != 200 || !strings.Contains(p.text, "The report could not be loaded.") {
		t.Errorf("page: %d", p.StatusCode)
	}
	wellFormed(t, "error", p.text)
	if p := b.get("/api/v1/report"); p.StatusCode != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" {
		t.Errorf("API: %d", p.StatusCode)
	}
	if strings.Contains(p.text, errAway.Error()) {
		t.Error("the page repeats the error of the database")
	}
}

func TestPeriods(t *testing.T) {
	f := func(query, from, to string) {
		t.Helper()
		r := full()
		b := open(t, dashboard.Options{Reader: r})
		b.login()
		b.get("/?" + query)
		if got := r.asked[0]; got.From.String() != from || got.To.String() != to || got.Zone != "Asia/Almaty" {
			t.Errorf("%s: %s to %s in %s", query, got.From, got.To, got.Zone)
		}
	}
	f("", "2027-04-23", "2027-05-22")
	f("days=7", "2027-05-16", "2027-05-22")
	f("days=90", "2027-02-22", "2027-05-22")
	f("days=100000", "2027-04-23", "2027-05-22")
	f("from=2027-01-01&to=2027-01-31", "2027-01-01", "2027-01-31")
	f("from=2027-02-01&to=2027-01-31", "2027-04-23", "2027-05-22")
	f("from=x&to=2027-01-31", "2027-04-23", "2027-05-22")

	b := open(t, dashboard.Options{})
	b.login()
	p := b.get("/?lang=en&from=2027-02-01&to=2027-01-31")
	if !strings.Contains(p.text, "Check the marked fields.") || strings.Count(p.text, `aria-invalid="true"`) != 2 {
		t.Error("a wrong period is not marked")
	}
	if p := b.get("/?site=unknown"); p.StatusCode != http.StatusSeeOther {
		t.Errorf("unknown site: %d", p.StatusCode)
	}
}

func TestAPI(t *testing.T) {
	b := open(t, dashboard.Options{})
	b.login()
	p := b.get("/api/v1/report?site=shop&from=2027-05-16&to=2027-05-22&metrics=visitors,page_views&by=day")
	golden(t, "api.day.json", p.text+"\n")
	p = b.get("/api/v1/report?site=shop&from=2027-05-16&to=2027-05-22&metrics=page_views&by=page&format=csv")
	if p.Header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(p.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("CSV: %v", p.Header)
	}
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.text, "\ufeff"))).ReadAll()
	want := [][]string{
		{"metric", "from", "to", "page", "value", "note"},
		{"page_views", "2027-05-16", "2027-05-22", "/", "600", ""},
		{"page_views", "2027-05-16", "2027-05-22", "/=formula", "500", "with small groups"},
		{"page_views", "2027-05-16", "2027-05-22", "", "", "withheld: group too small"},
	}
	if diff := cmp.Diff(want, lines); err != nil || diff != "" {
		t.Errorf("CSV: %v (-want +got)\n%s", err, diff)
	}
	f := func(query string, status int, field string) {
		t.Helper()
		p := b.get("/api/v1/report?" + query)
		var answer struct {
			Error struct{ Code, Message, Field string }
		}
		if err := json.Unmarshal([]byte(p.text), &answer); err != nil || p.StatusCode != status || answer.Error.Field != field {
			t.Errorf("%s: %d %s", query, p.StatusCode, p.text)
		}
	}
	f("site=nowhere", 404, "site")
	f("filter=country:KZ", 400, "filter")
	f("metrics=ids", 400, "metrics")
	f("metrics=visitors&by=page", 400, "by")
	f("metrics=page_views&by=consent_id", 400, "by")
	f("from=2027-05-22&to=2027-05-16", 400, "from")
}
