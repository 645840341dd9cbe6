package banner

// FirstLayer is the part of the document that the first layer shows; the settings ask
// for the whole when they are opened. It names the same text: what is one step
// away belongs to what was asked.
type FirstLayer struct {
	V          int               `json:"v"`
	Edition    string            `json:"edition"`
	Lang       string            `json:"lang"`
	Langs      []string          `json:"langs"`
	Variant    string            `json:"variant"`
	Place      string            `json:"place,omitempty"`
	Style      string            `json:"style,omitempty"`
	TextSHA256 string            `json:"text_sha256"`
	Texts      map[string]string `json:"texts"`
	Purposes   []FirstItem       `json:"purposes"`
	PolicyURL  string            `json:"policy_url"`
}

// FirstItem is one thing a visitor can allow, as the first layer names it.
type FirstItem struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// FirstLayer is what of the document the first layer shows.
func (d Document) FirstLayer() FirstLayer {
	f := FirstLayer{
		V: d.V, Edition: d.Edition, Lang: d.Lang, Langs: d.Langs, Variant: d.Variant, Place: d.Place, Style: d.Style, TextSHA256: d.TextSHA256,
		Texts: map[string]string{}, PolicyURL: d.PolicyURL,
	}
	for _, k := range []Key{
		TextTitle, "intro", TextNothingStored, TextChangeAnyTime, "reason_note", TextGPCNote, TextAcceptAll, TextRefuseAll, TextCustomise,
		TextPolicy, TextSettings, TextLanguage, TextSaved, TextRefusedNote, TextErrorOffline, TextErrorBusy, TextRetry,
	} {
		if text := d.Texts[string(k)]; text != "" {
			f.Texts[string(k)] = text
		}
	}
	for _, it := range d.Purposes {
		f.Purposes = append(f.Purposes, FirstItem{it.ID, it.Title})
	}
	return f
}
