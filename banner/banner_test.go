package banner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"kelisim/banner/locale"
	"kelisim/consent/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func shipped(t testing.TB, name string, edits ...string) *policy.Policy {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "policies", name))
	if err != nil {
		t.Fatal(err)
	}
	p, problems := policy.Parse(name, []byte(strings.NewReplacer(edits...).Replace(string(data))))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func newBanner(t testing.TB) *Banner {
	t.Helper()
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func now() time.Time { return time.Date(2026, 12, 3, 20, 30, 0, 0, time.UTC) }

func document(t testing.TB, p *policy.Policy, lang string, r Reason) Document {
	t.Helper()
	d, err := newBanner(t).Document(p, lang, r, nil, now())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocuments(t *testing.T) {
	for _, lang := range locale.Languages() {
		got, err := json.MarshalIndent(document(t, shipped(t, "demo.yaml"), lang, First), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "demo."+lang+".json")
		if *update {
			if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
			t.Error(d)
		}
	}
}

// Every text the browser knows is there, filled, in every document.
func TestDocumentIsComplete(t *testing.T) {
	keys := strings.Fields(`title intro nothing_stored change_any_time reason_note gpc_note accept_all refuse_all customise save
		withdraw settings close cancel retry policy language on off always_on why_title why_law necessary_title necessary_text
		saved withdrawn_note refused_note error_offline error_busy recipients_title terms_title data_title retention_title rights_title`)
	for _, lang := range locale.Languages() {
		for _, r := range Reasons() {
			d := document(t, shipped(t, "example.yaml"), lang, r)
			for _, key := range keys {
				text, ok := d.Texts[key]
				if !ok || text == "" && key != "reason_note" {
					t.Errorf("%s, %s: no text %s", lang, r, key)
				}
			}
			if len(d.Texts) != len(keys) {
				t.Errorf("%s: %d texts, want %d", lang, len(d.Texts), len(keys))
			}
			if noted := d.Texts["reason_note"] != ""; noted != (r == Material || r == Expired) {
				t.Errorf("%s, %s: reason_note %q", lang, r, d.Texts["reason_note"])
			}
			raw, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if left := regexp.MustCompile(`\{[a-z_]+\}`).Find(raw); left != nil {
				t.Errorf("%s: the placeholder %s is left", lang, left)
			}
		}
	}
}

func TestDocumentRefuses(t *testing.T) {
	b, p := newBanner(t), shipped(t, "demo.yaml")
	if _, err := b.Document(p, "fr", First, nil, now()); err != ErrLanguage {
		t.Errorf("a language that is not offered: %v", err)
	}
	if _, err := b.Document(p, "kk", "why not", nil, now()); err != ErrReason {
		t.Errorf("an unknown reason: %v", err)
	}
	if _, err := New(Options{ErasureDays: 31}); err == nil {
		t.Error("a promise above 30 days is made")
	}
}

func TestChoices(t *testing.T) {
	d, err := newBanner(t).Document(shipped(t, "demo.yaml"), "en", Settings, map[string]bool{"analytics": true}, now())
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(d)
	if !strings.Contains(string(raw), `"choices":{"analytics":true}`) {
		t.Error("the choices are lost")
	}
	if raw, _ = json.Marshal(document(t, shipped(t, "demo.yaml"), "en", First)); !strings.Contains(string(raw), `"choices":null`) {
		t.Error("no choices are not null")
	}
}

func TestTermsOfAnotherPolicy(t *testing.T) {
	p := shipped(t, "example.yaml",
		"    country: KZ\n    purposes: [marketing]", "    country: TR\n    purposes: [marketing]",
		"cross_border: none", "cross_border:\n  id: cross_border\n  statement:\n    kk: Дербес деректерімнің көрсетілген елдерге трансшекаралық берілуіне келісім беремін.\n    ru: Даю согласие на трансграничную передачу моих персональных данных в указанные страны.\n    en: I consent to the cross-border transfer of my personal data to the countries named.")
	d := document(t, p, "kk", First)
	if !slices.Contains(d.Terms, Term{"Деректер берілетін елдер", "Түркия"}) {
		t.Errorf("the country is missing in %v", d.Terms)
	}
	last := d.Purposes[len(d.Purposes)-1]
	if last.ID != "cross_border" || last.Kind != "cross_border" || last.Title != "Трансшекаралық беру" || last.GPC {
		t.Errorf("%+v", last)
	}
}

func TestPolicyWithoutRecipientsOrSignals(t *testing.T) {
	data, err := os.ReadFile("../policies/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := string(data)
	cut := func(from, to, with string) {
		t.Helper()
		i := strings.Index(s, from)
		j := i + strings.Index(s[i:], to)
		if i < 0 || j < i {
			t.Fatalf("no %q", from)
		}
		s = s[:i] + with + s[j:]
	}
	cut("  - id: marketing\n", "\n# Art. 8(4)(4)", "")
	cut("third_party:\n", "cross_border", "third_party: none\n")
	cut("recipients:\n", "\n# Art. 8(4)(7)", "")
	cut("  - id: campaign\n", "\nwithdraw:", "")
	p, problems := policy.Parse("x.yaml", []byte(s))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	d := document(t, p, "ru", First)
	if d.Texts["gpc_note"] != "" {
		t.Error("a signal is noted that changes nothing")
	}
	if !slices.Contains(d.Terms, Term{"Получатели данных", "Данные не передаются третьим лицам."}) {
		t.Errorf("%v", d.Terms)
	}
	if raw, _ := json.Marshal(d); !strings.Contains(string(raw), `"recipients":[]`) {
		t.Error("no recipients are not an empty list")
	}
}

// The hash does not depend on the moment, and does on language, reason,
// variant and any text; it can be made again from the archived edition.
func TestTextHash(t *testing.T) {
	b, p := newBanner(t), shipped(t, "demo.yaml")
	seen := map[string]string{}
	for _, lang := range locale.Languages() {
		for _, r := range []Reason{First, Material, Expired} {
			hash, err := b.TextHash(p, lang, r)
			if err != nil || len(hash) != 64 || seen[hash] != "" {
				t.Errorf("%s, %s: hash %s (%v), also of %s", lang, r, hash, err, seen[hash])
			}
			seen[hash] = lang + " " + string(r)
			for _, at := range []time.Time{now(), now().AddDate(0, 5, 11)} {
				d, err := b.Document(p, lang, r, map[string]bool{"analytics": true}, at)
				if err != nil || d.TextSHA256 != hash {
					t.Errorf("%s, %s, %s: another hash in the document", lang, r, at)
				}
			}
			archived, err := policy.ReadDocument(p.Document())
			if err != nil {
				t.Fatal(err)
			}
			again, err := b.TextHash(archived, lang, r)
			if err != nil || again != hash {
				t.Errorf("%s, %s: the archive gives another hash (%v)", lang, r, err)
			}
		}
	}
	canonical, err := b.Canonical(p, "en", First)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(canonical)
	if seen[hex.EncodeToString(sum[:])] != "en first" {
		t.Error("the hash is not of the canonical text")
	}
	if hash, _ := b.TextHash(shipped(t, "demo.yaml", "languages:", "banner: {position: box, light: {accent: \"#004488\"}}\nlanguages:"), "en", First); seen[hash] == "" {
		t.Error("another look has another hash: the archive could not give it again")
	}
	if hash, _ := b.TextHash(shipped(t, "demo.yaml", "languages:", "texts: {title: {kk: Сұрағымыз бар, ru: У нас вопрос, en: A question}}\nlanguages:"), "en", First); seen[hash] != "" {
		t.Error("another title has the same hash")
	}
	if hash, _ := b.TextHash(shipped(t, "demo.yaml", "mit", "mut", "Example LLP", "Example LLP."), "en", First); seen[hash] != "" {
		t.Error("another text has the same hash")
	}
}

func TestLanguage(t *testing.T) {
	f := func(want string, offered []string, wanted ...string) {
		t.Helper()
		if got := Language(offered, wanted...); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	all := []string{"ru", "kk", "en"}
	f("kk", all, "kk-KZ")
	f("kk", all, "kz")
	f("en", all, "", "de", "en_GB", "kk")
	f("ru", all, "de")
	f("ru", all)
	f("kk", nil, "en")
}

// Every language has the same keys with the same placeholders, and keys.go
// names them all.
func TestTextsHaveTheSameKeys(t *testing.T) {
	b := newBanner(t)
	file, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var named []Key
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			named = append(named, Key(s))
		}
		return true
	})
	slices.Sort(named)
	if d := cmp.Diff(b.Keys(), named); d != "" {
		t.Errorf("keys.go and the texts differ: %s", d)
	}
	holes := func(s string) []string {
		found := regexp.MustCompile(`\{[a-z_]+\}`).FindAllString(s, -1)
		slices.Sort(found)
		return found
	}
	for _, lang := range locale.Languages() {
		if len(b.texts[lang]) != len(named) {
			t.Errorf("%s has %d texts, want %d", lang, len(b.texts[lang]), len(named))
		}
		for _, key := range named {
			text := b.texts[lang][key]
			if text == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s: %s is %q", lang, key, text)
			}
			if d := cmp.Diff(holes(b.texts["kk"][key]), holes(text)); d != "" {
				t.Errorf("%s: %s has other placeholders: %s", lang, key, d)
			}
		}
	}
}

// A Latin letter inside a Kazakh or Russian word looks right and is wrong.
func TestTextsHoldNoLookAlikes(t *testing.T) {
	b := newBanner(t)
	kazakh := 0
	for _, lang := range locale.Languages() {
		for key, text := range b.texts[lang] {
			words := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(text, " ")
			for _, word := range strings.FieldsFunc(words, func(r rune) bool { return !unicode.IsLetter(r) }) {
				var cyrillic, other bool
				for _, r := range word {
					if unicode.Is(unicode.Cyrillic, r) {
						cyrillic = true
					} else {
						other = true
					}
				}
				if cyrillic && other || lang == "en" && cyrillic || lang != "en" && len(word) == 1 {
					t.Errorf("%s: %s holds %q", lang, key, word)
				}
			}
			if lang == "kk" && strings.ContainsAny(strings.ToLower(text), "әғқңөұүһі") {
				kazakh++
			}
			if lang == "ru" && strings.ContainsAny(strings.ToLower(text), "әғқңөұүһі") {
				t.Errorf("ru: %s is left in Kazakh", key)
			}
		}
	}
	if kazakh < 80 {
		t.Errorf("only %d texts hold a Kazakh letter", kazakh)
	}
}

// TestLanguageKeepsNothingOfTheRequest: a server uses the memory of a request
// again, and a language outlives the request in counters.
func TestLanguageKeepsNothingOfTheRequest(t *testing.T) {
	request := []byte("ru")
	got := Language([]string{"kk", "ru"}, unsafe.String(&request[0], len(request)))
	copy(request, "xx")
	if got != "ru" {
		t.Errorf("the language became %q with the next request", got)
	}
}
