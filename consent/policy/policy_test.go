package policy

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kelisim/consent"
)

func edit(t testing.TB, name string, pairs ...string) *Policy {
	t.Helper()
	s := string(shipped(t, name))
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(s, pairs[i]) {
			t.Fatalf("%q is not in %s", pairs[i], name)
		}
		s = strings.Replace(s, pairs[i], pairs[i+1], 1)
	}
	p, problems := Parse(name, []byte(s))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHowTheSiteIsServedIsOutsideTheHash(t *testing.T) {
	want := parsed(t, "example.yaml").Hash()
	got := edit(t, "example.yaml",
		"hosts: [www.example.com, example.com]", "hosts: [shop.example.com]",
		"time_zone: Asia/Almaty", "time_zone: Europe/Berlin",
		"k: 10", "k: 25",
		"site: example\n", "site: example\ntest: true\n",
		"\nmode: path", "",
	).Hash()
	if got != want {
		t.Error("the hash depends on how the site is served")
	}
}

func TestTheOrderOfNamesIsOutsideTheHash(t *testing.T) {
	want := parsed(t, "demo.yaml").Hash()
	if got := edit(t, "demo.yaml", "fields: [browser, device]", "fields: [device, browser]").Hash(); got != want {
		t.Error("the hash depends on the order of a set")
	}
}

// Whatever single letter of whatever text changes, the hash changes with it.
func TestEveryLetterIsInTheHash(t *testing.T) {
	p := parsed(t, "demo.yaml")
	p.document = nil // work it out anew each time
	hash := p.Hash()
	random := rand.New(rand.NewPCG(1, 2))
	n := 0
	visitStrings(reflect.ValueOf(p).Elem(), "", func(path string, v reflect.Value) {
		outside := path == ".Mode" || path == ".TimeZone" || strings.HasPrefix(path, ".Hosts") || strings.HasPrefix(path, ".Look.")
		was := []rune(v.String())
		for range min(len(was), 5) {
			now := append([]rune(nil), was...)
			now[random.IntN(len(now))]++
			v.SetString(string(now))
			if same := p.Hash() == hash; same != outside {
				t.Errorf("%s: a changed letter, and the same hash = %t", path, same)
			}
			v.SetString(string(was))
			n++
		}
	})
	if n < 300 || p.Hash() != hash {
		t.Errorf("%d letters tried, or the policy did not come back", n)
	}
}

func visitStrings(v reflect.Value, path string, f func(string, reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		f(path, v)
	case reflect.Slice:
		for i := range v.Len() {
			visitStrings(v.Index(i), index(path, i), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				visitStrings(v.Field(i), path+"."+v.Type().Field(i).Name, f)
			}
		}
	}
}

func TestDocumentComesBack(t *testing.T) {
	for _, name := range []string{"example.yaml", "demo.yaml"} {
		p := parsed(t, name)
		back, err := ReadDocument(p.Document())
		if err != nil {
			t.Fatal(err)
		}
		if back.Hash() != p.Hash() || string(back.Document()) != string(p.Document()) {
			t.Errorf("%s: another document came back", name)
		}
		again := *back
		again.document = nil
		if string(again.Document()) != string(p.Document()) {
			t.Errorf("%s: what was read is written differently", name)
		}
		was, _ := p.Edition()
		is, err := back.Edition()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(was.Items(), is.Items()); d != "" {
			t.Error(d)
		}
	}
	for _, bad := range []string{"", "{}", "null", `{"format":1}`, `{"format":2,"site":"x"}`, `{"format":1,"site":"x","more":1}`, `{"format":1,"site":"x"}{}`} {
		if _, err := ReadDocument([]byte(bad)); err == nil {
			t.Errorf("%q is read as a document", bad)
		}
	}
}

func TestEdition(t *testing.T) {
	p := parsed(t, "demo.yaml")
	e, err := p.Edition()
	if err != nil {
		t.Fatal(err)
	}
	analytics := consent.FieldsOf(consent.AllFields()...).Minus(consent.FieldsOf(consent.FieldCampaign, consent.FieldRegion, consent.FieldCity, consent.FieldVitals))
	want := []consent.Item{
		{ID: "analytics", Fields: analytics, RetentionDays: 90, AddressDays: 30},
		{ID: "marketing", Fields: consent.FieldsOf(consent.FieldCampaign), RetentionDays: 90, GPC: true},
		{ID: "third_party", Kind: consent.KindThirdParty, GPC: true},
	}
	if d := cmp.Diff(want, e.Items()); d != "" {
		t.Error(d)
	}
	if e.Key() != p.Key() || e.Site() != "demo" || e.Number() != 1 {
		t.Error("the edition is of another policy")
	}
	if props, ok := e.Event("signup"); !ok || len(props) != 1 || props[0] != "plan" {
		t.Errorf("signup has the properties %v", props)
	}
}

func TestDefaults(t *testing.T) {
	p := edit(t, "example.yaml",
		"k: 10", "", "term_months: 6", "", "proof_days: 1095", "", "mode: path", "", "languages: [kk, ru, en]", "",
		"    retention_days: 90\n    address_days: 30\n", "    retention_days: 20\n", "    retention_days: 90\n", "")
	got := []any{p.K, p.TermMonths, p.ProofDays, p.Mode, p.Languages(), p.Purposes[0].AddressDays, p.Purposes[1].RetentionDays, p.Rights}
	want := []any{10, 6, 1095, ModePath, []string{"kk", "ru", "en"}, 20, 90, defaultRights()}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPolicyWithoutEnglish(t *testing.T) {
	var lines []string
	for line := range strings.Lines(string(shipped(t, "example.yaml"))) {
		if !strings.HasPrefix(strings.TrimSpace(line), "en:") && !strings.HasPrefix(line, "languages:") {
			lines = append(lines, line)
		}
	}
	p, problems := Parse("x.yaml", []byte(strings.Join(lines, "")))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"kk", "ru"}, p.Languages()); d != "" {
		t.Error(d)
	}
	if p.Rights.EN != "" || p.Rights.In("en") != p.Rights.KK {
		t.Error("a language that is not offered is shown")
	}
}

func TestBIN(t *testing.T) {
	f := func(bin string, ok bool) {
		t.Helper()
		if rule := binRule(bin); (rule == "") != ok {
			t.Errorf("%q: %q", bin, rule)
		}
	}
	f("000000000000", true)
	f("000040123450", true)
	f("000040123451", false)
	f("00004012345", false)
	f("0000401234500", false)
	f("00004012345x", false)
	f("000040100611", true) // the first row of weights gives 10, the second 1
	for last := range 10 {
		f("00004010060"+string(rune('0'+last)), false) // both rows give 10
	}
	if !plausibleBIN("001240123450") || plausibleBIN("001340123450") {
		t.Error("months are told apart wrongly")
	}
	if plausibleBIN("000000000000") || !reservedDomain("a@mail.example.com") || reservedDomain("a@myexample.com") {
		t.Error("placeholders are told apart wrongly")
	}
}

func TestExplain(t *testing.T) {
	got := Explain(parsed(t, "demo.yaml"))
	for _, want := range []string{
		"site demo, edition 1", parsed(t, "demo.yaml").HashString(), "marketing", "off", "90 d  30 d",
		"refuse all", "nothing", "signup {plan}", "service example_ads of marketing: Example Ads LLP, KZ\n  cookies {_example_ads, _example_ads_*}",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// Parse never panics, never returns a policy together with a problem, and what
// it accepts has a document that comes back.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"example.yaml", "demo.yaml"} {
		f.Add(shipped(f, name))
	}
	for _, s := range []string{"", "{}", "[]", "site: x", "a: &a [*a]", "purposes: [{}]", "site: |\n  x\n", "? a\n: b", "edition: {number: 1e9}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, problems := Parse("fuzz.yaml", data)
		if (p == nil) != (len(problems) > 0) {
			t.Fatalf("policy %v with %d problems", p != nil, len(problems))
		}
		if p == nil {
			return
		}
		if !json.Valid(p.Document()) {
			t.Fatal("the document is no JSON")
		}
		back, err := ReadDocument(p.Document())
		if err != nil || back.Hash() != p.Hash() {
			t.Fatalf("the document does not come back: %v", err)
		}
	})
}
