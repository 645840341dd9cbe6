package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A new service, another provider, country or purpose is material; other names of
// what a known one keeps, and fewer services, are not.
func TestWhatWidensServices(t *testing.T) {
	first := parsed(t, "demo.yaml")
	f := func(want []string, pairs ...string) {
		t.Helper()
		if d := cmp.Diff(want, Widened(first, edit(t, "demo.yaml", pairs...))); d != "" {
			t.Error(d)
		}
	}
	f(nil, "cookies: [example_stats]", "cookies: [example_stats, example_stats_*]")
	f(nil, "    services:\n      - id: example_ads\n        name:\n          kk: Example Ads\n          ru: Example Ads\n          en: Example Ads\n"+
		"        provider:\n          kk: «Example Ads» ЖШС\n          ru: ТОО «Example Ads»\n          en: Example Ads LLP\n        country: KZ\n"+
		"        retention:\n          kk: 30 күн\n          ru: 30 дней\n          en: 30 days\n"+
		"        cookies: [_example_ads, _example_ads_*]\n        session_storage: [example-ads]\n        indexed_db: [example-ads]\n", "")
	f([]string{"the service another_ads"}, "- id: example_ads", "- id: another_ads")
	f([]string{"another provider of the service example_ads"}, "        provider:\n          kk: «Example Ads» ЖШС\n          ru: ТОО «Example Ads»\n          en: Example Ads LLP",
		"        provider:\n          kk: «Example» ЖШС\n          ru: ТОО «Example»\n          en: Example LLP")
	f([]string{"the purpose analytics for the service example_ads", "the purpose marketing for the service example_statistics"},
		"- id: example_statistics", "- id: x", "- id: example_ads", "- id: example_statistics", "- id: x", "- id: example_ads",
		"        provider:\n          kk: «Example Ads» ЖШС\n          ru: ТОО «Example Ads»\n          en: Example Ads LLP",
		"        provider:\n          kk: «Example» ЖШС\n          ru: ТОО «Example»\n          en: Example LLP")
	f([]string{"another country for the service example_ads", "the item cross_border"},
		"country: KZ\n        retention:\n          kk: 30", "country: DE\n        retention:\n          kk: 30",
		"cross_border: none", "cross_border:\n  id: cross_border\n  statement:\n    kk: Дербес деректерімнің көрсетілген елдерге трансшекаралық берілуіне келісім беремін.\n"+
			"    ru: Даю согласие на трансграничную передачу моих персональных данных в указанные страны.\n    en: I consent to the cross-border transfer of my personal data to the countries named.")
}

func TestServicesAreInTheHash(t *testing.T) {
	want := parsed(t, "demo.yaml").Hash()
	if edit(t, "demo.yaml", "[_example_ads, _example_ads_*]", "[_example_ads_*, _example_ads]").Hash() != want {
		t.Error("the hash depends on the order of a set")
	}
	if edit(t, "demo.yaml", "cookies: [example_stats]", "cookies: [example_stat]").Hash() == want {
		t.Error("another name, and the same hash")
	}
	if edit(t, "demo.yaml", "reload: false", "reload: true", "clear_site_data: false", "clear_site_data: true").Hash() != want {
		t.Error("the hash depends on what happens after a withdrawal")
	}
}
