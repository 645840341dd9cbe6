package banner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kelisim/banner/locale"
	"kelisim/consent"
	"kelisim/consent/policy"
)

// Document is the answer of GET /v1/banner: everything that is asked, in one
// language.
type Document struct {
	V          int               `json:"v"`
	Site       string            `json:"site"`
	Edition    string            `json:"edition"` // consent.EditionKey
	Lang       string            `json:"lang"`
	Langs      []string          `json:"langs"`
	Variant    string            `json:"variant"`         // name of the look, recorded with each decision
	Place      string            `json:"place,omitempty"` // where the banner stands, as class names of banner.css
	Style      string            `json:"style,omitempty"` // a style sheet with the site's own colours; empty with the default ones
	TextSHA256 string            `json:"text_sha256,omitempty"`
	Reason     Reason            `json:"reason"`
	Texts      map[string]string `json:"texts"`
	Operator   Operator          `json:"operator"`
	Purposes   []Item            `json:"purposes"` // purposes first, then the other items
	Recipients []Recipient       `json:"recipients"`
	Terms      []Term            `json:"terms"`
	PolicyURL  string            `json:"policy_url"` // relative to the collector's base
	Choices    map[string]bool   `json:"choices"`    // the live choices, or null
}

// Operator is who asks.
type Operator struct {
	Name    string `json:"name"`
	BIN     string `json:"bin"`
	Address string `json:"address"`
	Contact string `json:"contact"`
}

// Item is one thing a visitor can allow.
type Item struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	GPC       bool     `json:"gpc"` // lowered by a Global Privacy Control signal
	Title     string   `json:"title"`
	Text      string   `json:"text"`
	Statement string   `json:"statement"`
	Data      []string `json:"data"`
	Retention string   `json:"retention"`

	Services []Service `json:"services,omitempty"`
}

// Recipient is who receives data.
type Recipient struct {
	Name     string   `json:"name"`
	Country  string   `json:"country"`
	Purposes []string `json:"purposes"` // titles
}

// Term is one statement that the law wants in a consent.
type Term struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Document makes the document of a policy. lang is one the policy offers (see
// Language); choices are the visitor's live choices, nil without any.
func (b *Banner) Document(p *policy.Policy, lang string, r Reason, choices map[string]bool, now time.Time) (Document, error) {
	e, err := p.Edition()
	if err != nil {
		return Document{}, fmt.Errorf("banner: document: %w", err)
	}
	canonical, err := b.Canonical(p, lang, r)
	if err != nil {
		return Document{}, err
	}
	d := b.build(p, lang, r, locale.Date(lang, e.ExpiryOf(now)), locale.Date(lang, b.ErasedBy(now.In(p.Location()))))
	sum := sha256.Sum256(canonical)
	d.TextSHA256 = hex.EncodeToString(sum[:])
	d.Choices, d.Variant, d.Place, d.Style = choices, Variant(p), place(p.Look), style(p.Look)
	return d, nil
}

// Canonical is everything that is shown for a reason in a language, as
// canonical JSON: the document without the visitor's choices and without the
// look, which is no part of the edition and recorded beside, and with {date} in the two places whose date depends on the moment (the end of the consent,
// which each record states, and the day by which withdrawn data are gone). So
// it can be made again from the archived edition.
func (b *Banner) Canonical(p *policy.Policy, lang string, r Reason) ([]byte, error) {
	switch {
	case !slices.Contains(Reasons(), r):
		return nil, ErrReason
	case !slices.Contains(p.Languages(), lang):
		return nil, ErrLanguage
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b.build(p, lang, r, "{date}", "{date}")); err != nil {
		return nil, fmt.Errorf("banner: canonical text: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// TextHash is the SHA-256 of the canonical text, in hexadecimal digits: what a
// decision records as the text that was shown.
func (b *Banner) TextHash(p *policy.Policy, lang string, r Reason) (string, error) {
	canonical, err := b.Canonical(p, lang, r)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

func (b *Banner) build(p *policy.Policy, lang string, r Reason, validUntil, erasedBy string) Document {
	return Document{
		V: 1, Site: p.Site, Edition: p.Key().String(), Lang: lang, Langs: p.Languages(),
		Reason: r,
		Texts:  b.sentences(p, lang, r, erasedBy),
		Operator: Operator{
			Name: p.Operator.Name.In(lang), BIN: p.Operator.BIN,
			Address: p.Operator.Address.In(lang), Contact: p.Operator.Contact,
		},
		Purposes: b.items(p, lang), Recipients: recipients(p, lang), Terms: b.terms(p, lang, validUntil),
		PolicyURL: "privacy/" + p.Site + "?lang=" + lang,
	}
}

// sentences is what the banner says beside the policy's own words.
func (b *Banner) sentences(p *policy.Policy, lang string, r Reason, erasedBy string) map[string]string {
	out := map[string]string{
		"intro":                   p.IntroText(lang),
		"reason_note":             "",
		string(TextGPCNote):       "",
		string(TextWithdrawnNote): b.Text(lang, TextWithdrawnNote, "date", erasedBy),
	}
	switch r {
	case Material:
		out["reason_note"] = b.Text(lang, TextReasonMaterial)
	case Expired:
		out["reason_note"] = b.Text(lang, TextReasonExpired)
	}
	if slices.ContainsFunc(p.Items(), func(it policy.Item) bool { return it.GPC }) {
		out[string(TextGPCNote)] = b.Text(lang, TextGPCNote)
	}
	if slices.ContainsFunc(p.Purposes, func(q policy.Purpose) bool { return len(q.Services) > 0 }) {
		for _, key := range []Key{TextServicesTitle, TextStoresTitle} {
			out[string(key)] = b.Text(lang, key)
		}
	}
	for _, key := range []Key{
		TextTitle, TextNothingStored, TextChangeAnyTime, TextAcceptAll, TextRefuseAll, TextCustomise, TextSave, TextWithdraw,
		TextSettings, TextClose, TextCancel, TextRetry, TextPolicy, TextLanguage, TextOn, TextOff, TextAlwaysOn,
		TextWhyTitle, TextWhyLaw, TextNecessaryTitle, TextNecessaryText, TextSaved, TextRefusedNote, TextErrorOffline,
		TextErrorBusy, TextRecipientsTitle, TextTermsTitle, TextDataTitle, TextRetentionTitle, TextRightsTitle,
	} {
		out[string(key)] = b.Text(lang, key)
	}
	for _, own := range p.Wording.Own() {
		out[own.Key] = own.Text.In(lang)
	}
	return out
}

func (b *Banner) items(p *policy.Policy, lang string) []Item {
	titles := map[consent.Kind]Key{
		consent.KindThirdParty: TextItemThirdParty, consent.KindCrossBorder: TextItemCrossBorder, consent.KindPublication: TextItemPublication,
	}
	out := []Item{}
	for _, it := range p.Items() {
		item := Item{ID: it.ID, Kind: it.Kind.String(), GPC: it.GPC, Statement: it.Statement.In(lang), Data: []string{}}
		if it.Kind != consent.KindPurpose {
			item.Title = b.Text(lang, titles[it.Kind])
			out = append(out, item)
			continue
		}
		q, _ := p.Purpose(it.ID)
		item.Title, item.Text, item.Retention = q.Title.In(lang), q.Text.In(lang), b.retention(q, lang)
		for _, d := range p.DataOf(q) {
			item.Data = append(item.Data, d.Text.In(lang))
		}
		item.Services = services(q, lang)
		out = append(out, item)
	}
	return out
}

// retention is how long a purpose keeps its data, in words.
func (b *Banner) retention(q policy.Purpose, lang string) string {
	days := b.Days(lang, q.RetentionDays)
	if q.AddressDays == 0 || q.AddressDays == q.RetentionDays {
		return days
	}
	return b.Text(lang, TextRetentionAddress, "days", days, "address_days", b.Days(lang, q.AddressDays))
}

func recipients(p *policy.Policy, lang string) []Recipient {
	out := []Recipient{}
	for _, r := range p.Recipients {
		one := Recipient{Name: r.Name.In(lang), Country: locale.Country(lang, r.Country), Purposes: []string{}}
		for _, id := range r.Purposes {
			if q, ok := p.Purpose(id); ok {
				one.Purposes = append(one.Purposes, q.Title.In(lang))
			}
		}
		out = append(out, one)
	}
	return out
}

// terms is what art. 8(4) wants in a consent, each as a whole sentence or list.
func (b *Banner) terms(p *policy.Policy, lang, validUntil string) []Term {
	text := func(k Key) string { return b.Text(lang, k) }
	out := []Term{
		{text(TextTermOperator), p.Operator.Name.In(lang)},
		{text(TextTermBIN), p.Operator.BIN},
		{text(TextTermAddress), p.Operator.Address.In(lang)},
		{text(TextTermContact), p.Operator.Contact},
		{text(TextTermConsent), b.Text(lang, TextValidUntil, "date", validUntil)},
		{text(TextRecipientsTitle), b.thirdParties(p, lang)},
	}
	if countries := abroad(p, lang); len(countries) > 0 {
		out = append(out, Term{text(TextTermCountries), strings.Join(countries, "; ")})
	} else {
		out = append(out, Term{text(TextItemCrossBorder), text(TextNoCrossBorder)})
	}
	published := text(TextNotPublished)
	if !p.Publication.None() {
		published = p.Publication.Statement.In(lang)
	}
	var data []string
	for _, d := range p.Data {
		data = append(data, d.Text.In(lang))
	}
	return append(out,
		Term{text(TextItemPublication), published},
		Term{text(TextDataTitle), strings.Join(data, "; ")},
		Term{text(TextTermStorage), locale.Country(lang, p.Storage.Country)},
		Term{text(TextRightsTitle), p.Rights.In(lang)},
		Term{text(TextTermWithdraw), p.WithdrawText(lang)},
		Term{text(TextTermEdition), b.EditionText(p, lang)},
	)
}

// EditionText names an edition: «№ 1 редакция, күні: 2026 ж. 1 желтоқсан».
func (b *Banner) EditionText(p *policy.Policy, lang string) string {
	return b.Text(lang, TextEdition, "n", strconv.Itoa(p.Issue.Number), "date", locale.Date(lang, p.Issue.Date()))
}

func (b *Banner) thirdParties(p *policy.Policy, lang string) string {
	if p.ThirdParty.None() {
		return b.Text(lang, TextNoThirdParties)
	}
	var names []string
	for _, r := range p.Recipients {
		names = append(names, r.Name.In(lang)+" ("+locale.Country(lang, r.Country)+")")
	}
	return strings.Join(names, "; ")
}

// abroad lists the countries data are transferred to, each once, in the order
// of the policy.
func abroad(p *policy.Policy, lang string) []string {
	if p.CrossBorder.None() {
		return nil
	}
	codes := []string{p.Storage.Country}
	for _, r := range p.Recipients {
		codes = append(codes, r.Country)
	}
	for _, q := range p.Purposes {
		for _, s := range q.Services {
			codes = append(codes, s.Country)
		}
	}
	var out []string
	for _, code := range codes {
		if name := locale.Country(lang, code); code != "KZ" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
