package banner

import (
	"encoding/json"
	"testing"

	"kelisim/banner/locale"
)

// TestFirstLayer: what the first layer gets is part of the document, word for
// word, and names the same text.
func TestFirstLayer(t *testing.T) {
	for _, lang := range locale.Languages() {
		for _, r := range Reasons() {
			whole := document(t, shipped(t, "demo.yaml"), lang, r)
			first := whole.FirstLayer()
			if first.TextSHA256 != whole.TextSHA256 || first.Edition != whole.Edition || first.Variant != whole.Variant || first.Lang != lang {
				t.Errorf("%s: it names another text: %+v", lang, first)
			}
			for key, text := range first.Texts {
				if text == "" || text != whole.Texts[key] {
					t.Errorf("%s: %s is %q", lang, key, text)
				}
			}
			for _, key := range []Key{TextTitle, "intro", TextAcceptAll, TextRefuseAll, TextCustomise, TextErrorOffline, TextRefusedNote, TextPolicy} {
				if first.Texts[string(key)] == "" {
					t.Errorf("%s: no %s", lang, key)
				}
			}
			if noted := first.Texts["reason_note"] != ""; noted != (r == Material || r == Expired) {
				t.Errorf("%s: reason_note %q", lang, first.Texts["reason_note"])
			}
			if len(first.Purposes) != len(whole.Purposes) {
				t.Fatalf("%s: %d of %d purposes are named", lang, len(first.Purposes), len(whole.Purposes))
			}
			for i, it := range first.Purposes {
				if it.ID != whole.Purposes[i].ID || it.Title != whole.Purposes[i].Title || it.Title == "" {
					t.Errorf("%s: purpose %+v", lang, it)
				}
			}
			small, err := json.Marshal(first)
			if err != nil {
				t.Fatal(err)
			}
			big, err := json.Marshal(whole)
			if err != nil {
				t.Fatal(err)
			}
			if 2*len(small) > len(big) {
				t.Errorf("%s: %d of %d bytes", lang, len(small), len(big))
			}
		}
	}
}
