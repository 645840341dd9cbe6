package banner

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

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
			for _, key := range []Key{TextTitle, "intro", TextAcceptAll, TextRefuseAll, TextCustomise, TextErrorOffline, TextRefusedNote, TextPolicy, TextSettings, TextSaved} {
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

// TestFirstLayerHasNoDate: it may be kept from one day to the next.
func TestFirstLayerHasNoDate(t *testing.T) {
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := shipped(t, "demo.yaml")
	for _, lang := range locale.Languages() {
		var docs []Document
		for _, day := range []time.Time{time.Unix(1_790_000_000, 0), time.Unix(1_800_000_000, 0)} {
			doc, err := b.Document(p, lang, First, nil, day)
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, doc)
		}
		if reflect.DeepEqual(docs[0], docs[1]) {
			t.Errorf("%s: the whole document has no date either: this test shows nothing", lang)
		}
		if !reflect.DeepEqual(docs[0].FirstLayer(), docs[1].FirstLayer()) {
			t.Errorf("%s: the first layer depends on the day", lang)
		}
	}
}
