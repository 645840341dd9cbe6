package banner

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServicesAreShown(t *testing.T) {
	d := document(t, shipped(t, "demo.yaml"), "kk", First)
	want := []Service{{
		Name: "Example Ads", Provider: "«Example Ads» ЖШС", Country: "Қазақстан", Retention: "30 күн",
		Stores: []string{"_example_ads", "_example_ads_*", "example-ads"},
	}}
	if diff := cmp.Diff(want, d.Purposes[1].Services); diff != "" {
		t.Error(diff)
	}
	if d.Texts["services_title"] != "Сервистер" || d.Texts["stores_title"] == "" {
		t.Errorf("no title for the services: %v", d.Texts)
	}
	p := shipped(t, "demo.yaml",
		"country: KZ\n        retention:\n          kk: 30", "country: TR\n        retention:\n          kk: 30",
		"cross_border: none", "cross_border:\n  id: cross_border\n  statement:\n    kk: Дербес деректерімнің көрсетілген елдерге трансшекаралық берілуіне келісім беремін.\n    ru: Даю согласие на трансграничную передачу моих персональных данных в указанные страны.\n    en: I consent to the cross-border transfer of my personal data to the countries named.")
	if d := document(t, p, "en", First); !slices.Contains(d.Terms, Term{"Countries the data are transferred to", "Türkiye"}) {
		t.Errorf("the country of a service is missing in %v", d.Terms)
	}
}

// What is shown of the services is hashed with the rest of the text.
func TestServicesAreInTheTextHash(t *testing.T) {
	hash := func(edits ...string) string {
		sum, err := newBanner(t).TextHash(shipped(t, "demo.yaml", edits...), "ru", First)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if hash() == hash("ru: 30 дней", "ru: 31 день") || hash() == hash("[example_stats]", "[example_stat]") {
		t.Error("another text of a service, and the same hash")
	}
	if hash() != hash("reload: false", "reload: true") {
		t.Error("the hash depends on what is not shown")
	}
}

func TestKeptBy(t *testing.T) {
	got, err := json.Marshal(KeptBy(shipped(t, "demo.yaml", "reload: false", "reload: true")))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"reload":true,"gpc":["marketing","third_party"],"services":[` +
		`{"purpose":"analytics","cookies":["example_stats"],"local_storage":["example-stats"]},` +
		`{"purpose":"marketing","cookies":["_example_ads","_example_ads_*"],"session_storage":["example-ads"],"indexed_db":["example-ads"]}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if got, _ := json.Marshal(KeptBy(shipped(t, "example.yaml"))); string(got) != `{"v":1,"reload":false,"gpc":["marketing","third_party"],"services":[]}` {
		t.Errorf("without services: %s", got)
	}
}
