// Package policy is the policy file: what a site asks its visitors, in whose
// name, for how long, and what each answer permits. It reads the YAML form,
// checks it against what the law of Kazakhstan wants in a consent and against
// itself, turns it into an edition of package consent, and keeps the history of
// a site's editions.
//
// The package does no input or output: it takes bytes and returns values.
package policy

import (
	"strings"
	"time"

	"kelisim/consent"
)

// Policy is one edition of one site's policy. Parse and ReadDocument make it;
// it is read-only afterwards. Fields marked `json:"-"` say how the site is
// served and stand outside the edition's hash; everything else is what a person
// agrees to.
type Policy struct {
	Format int `yaml:"-" json:"format"` // version of the canonical document

	Site     string   `yaml:"site" json:"site"`           // site id: [a-z][a-z0-9-]{0,31}
	Test     bool     `yaml:"test" json:"-"`              // a test site: the load generator may play visitors on it
	Hosts    []string `yaml:"hosts" json:"-"`             // host names that belong to the site, lower case, without scheme or port
	Mode     Mode     `yaml:"mode" json:"-"`              // where the collector lives; default path
	Domain   string   `yaml:"cookie_domain" json:"-"`     // mode subdomain alone: the parent of the hosts and of the collector, for the cookies
	TimeZone string   `yaml:"time_zone" json:"-"`         // IANA name; the site's days
	K        int      `yaml:"k" json:"-"`                 // smallest group that reports show; default 10, never below 5
	Reload   bool     `yaml:"reload" json:"-"`            // whether a page is loaded anew when something is taken back
	Clear    bool     `yaml:"clear_site_data" json:"-"`   // whether a withdrawal's answer carries Clear-Site-Data
	Look     Look     `yaml:"banner" json:"-"`            // where the banner stands, and its colours
	Langs    []string `yaml:"languages" json:"languages"` // offered languages in their order; kk and ru are mandatory

	Issue      Issue    `yaml:"edition" json:"edition"`
	Replaces   Replaces `yaml:"replaces" json:"replaces,omitzero"` // absent in the first edition
	Operator   Operator `yaml:"operator" json:"operator"`
	Storage    Storage  `yaml:"storage" json:"storage"`
	TermMonths int      `yaml:"term_months" json:"term_months"` // term of a consent, 1 to 12, ends on the first of a month; default 6
	ProofDays  int      `yaml:"proof_days" json:"proof_days"`   // how long proof outlives the consent; default 1095

	Intro       Text                `yaml:"intro" json:"intro"` // first sentence of the banner; {operator} stands for the name
	Purposes    []Purpose           `yaml:"purposes" json:"purposes"`
	ThirdParty  Other               `yaml:"third_party" json:"third_party"`   // transfer to third parties, or none
	CrossBorder Other               `yaml:"cross_border" json:"cross_border"` // cross-border transfer, or none
	Publication Other               `yaml:"publication" json:"publication"`   // distribution in public sources, or none
	Recipients  []Recipient         `yaml:"recipients" json:"recipients"`
	Data        []Data              `yaml:"data" json:"data"`            // list of data collected
	Events      map[string][]string `yaml:"events" json:"events"`        // declared custom events and their properties
	Rights      Text                `yaml:"rights" json:"rights"`        // default: the rights the law gives
	Withdraw    Text                `yaml:"withdraw" json:"withdraw"`    // how to withdraw; {email} stands for the contact
	Wording     Wording             `yaml:"texts" json:"texts,omitzero"` // sentences of the banner in the site's own words

	document []byte // the canonical form, byte for byte; kept by Parse and ReadDocument
}

// Mode says where the collector lives as the browser sees it.
type Mode string

// The deployment modes; docs/adr/0051 says what each does and cannot promise.
const (
	ModePath        Mode = "path"         // a path of the site itself
	ModeSubdomain   Mode = "subdomain"    // another host of the same site
	ModeCrossOrigin Mode = "cross-origin" // another site
)

// Text is one text in three languages. Kazakh and Russian always stand; English
// stands if the policy offers it.
type Text struct {
	KK string `yaml:"kk" json:"kk"`
	RU string `yaml:"ru" json:"ru"`
	EN string `yaml:"en" json:"en,omitempty"`
}

// In is the text in a language; Kazakh if there is none in it.
func (t Text) In(lang string) string {
	switch {
	case lang == "ru":
		return t.RU
	case lang == "en" && t.EN != "":
		return t.EN
	}
	return t.KK
}

func (t Text) isZero() bool { return t == Text{} }

// Issue numbers and dates an edition.
type Issue struct {
	Number    int    `yaml:"number" json:"number"`       // from 1
	Effective string `yaml:"effective" json:"effective"` // the day it takes effect: YYYY-MM-DD
}

// Date is the effective day, at 00:00 UTC.
func (n Issue) Date() time.Time {
	t, _ := time.Parse(time.DateOnly, n.Effective)
	return t
}

// Replaces names the edition before this one, and what the change means for the
// consents given under it.
type Replaces struct {
	Hash     string `yaml:"hash" json:"hash"`         // SHA-256 of the replaced document, 64 hexadecimal digits
	Material bool   `yaml:"material" json:"material"` // purposes, data, recipients or terms changed: people are asked again
	Holds    bool   `yaml:"holds" json:"holds"`       // older consents still hold; default: not Material
}

// Operator is the owner or operator who asks.
type Operator struct {
	Name    Text   `yaml:"name" json:"name"`
	BIN     string `yaml:"bin" json:"bin"` // business identification number, 12 digits
	Address Text   `yaml:"address" json:"address"`
	Contact string `yaml:"contact" json:"contact"` // e-mail for requests
}

// Storage says where the data are stored.
type Storage struct {
	Country        string `yaml:"country" json:"country"`                           // ISO 3166-1 alpha-2
	OverrideReason string `yaml:"override_reason" json:"override_reason,omitempty"` // why not in Kazakhstan; mandatory then
}

// Purpose is one purpose of processing.
type Purpose struct {
	ID            string   `yaml:"id" json:"id"` // [a-z][a-z0-9_]{0,31}
	Title         Text     `yaml:"title" json:"title"`
	Text          Text     `yaml:"text" json:"text"`                           // what is done, in plain words
	Statement     Text     `yaml:"statement" json:"statement"`                 // what a person says by allowing it
	Fields        []string `yaml:"fields" json:"fields"`                       // telemetry it licenses, by names of consent.Field
	Data          []string `yaml:"data" json:"data"`                           // ids of the entries of the data list it needs
	RetentionDays int      `yaml:"retention_days" json:"retention_days"`       // default 90
	AddressDays   int      `yaml:"address_days" json:"address_days,omitempty"` // of the network address; default 30; 0 without the field
	GPC           bool     `yaml:"gpc" json:"gpc"`                             // lowered by a Global Privacy Control signal

	Services []Service `yaml:"services" json:"services,omitempty"` // what it turns on in the page
}

// FieldSet is the telemetry the purpose licenses.
func (p Purpose) FieldSet() consent.Fields {
	var set consent.Fields
	for _, name := range p.Fields {
		if f, ok := consent.ParseField(name); ok {
			set = set.With(f)
		}
	}
	return set
}

// Other is a consent item that is no purpose, or the statement that there is no
// such thing (`none` in the file; the zero ID).
type Other struct {
	ID        string `yaml:"id" json:"id,omitempty"`
	Statement Text   `yaml:"statement" json:"statement,omitzero"`

	none bool
}

// None reports that the policy declares there is no such thing.
func (o Other) None() bool { return o.ID == "" }

// scalar reads the short form.
func (o *Other) scalar(s string) (rule string) {
	if s != "none" {
		return "write `none`, or an item with `id` and `statement`"
	}
	o.none = true
	return ""
}

// Recipient is a third party that is given data.
type Recipient struct {
	Name     Text     `yaml:"name" json:"name"`
	Category string   `yaml:"category" json:"category"` // one of Categories
	Country  string   `yaml:"country" json:"country"`   // ISO 3166-1 alpha-2
	Purposes []string `yaml:"purposes" json:"purposes"` // ids of the purposes it serves
}

// Categories lists what a recipient can be.
func Categories() []string {
	return []string{"advertising", "contractor", "partner", "payment", "telecom"}
}

// Data is one entry of the list of data collected.
type Data struct {
	ID     string   `yaml:"id" json:"id"`
	Text   Text     `yaml:"text" json:"text"`
	Fields []string `yaml:"fields" json:"fields"` // telemetry the entry describes; empty for data outside telemetry
}

// Languages is the offered languages in their order.
func (p *Policy) Languages() []string { return append([]string(nil), p.Langs...) }

// Location is the time zone of the site's days.
func (p *Policy) Location() *time.Location {
	loc, err := time.LoadLocation(p.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// others lists the items that are no purposes, in the order of their bits.
func (p *Policy) others() []otherItem {
	return []otherItem{
		{"third_party", consent.KindThirdParty, &p.ThirdParty},
		{"cross_border", consent.KindCrossBorder, &p.CrossBorder},
		{"publication", consent.KindPublication, &p.Publication},
	}
}

type otherItem struct {
	field string
	kind  consent.Kind
	*Other
}

// DataOf lists the entries of the data list that a purpose needs.
func (p *Policy) DataOf(purpose Purpose) []Data {
	var out []Data
	for _, d := range p.Data {
		for _, id := range purpose.Data {
			if d.ID == id {
				out = append(out, d)
			}
		}
	}
	return out
}

// Purpose finds a purpose by its id.
func (p *Policy) Purpose(id string) (Purpose, bool) {
	for _, purpose := range p.Purposes {
		if purpose.ID == id {
			return purpose, true
		}
	}
	return Purpose{}, false
}

// WithdrawText is how to withdraw, with the contact in its place.
func (p *Policy) WithdrawText(lang string) string {
	return strings.ReplaceAll(p.Withdraw.In(lang), "{email}", p.Operator.Contact)
}

// IntroText is the banner's first sentence, with the operator in its place.
func (p *Policy) IntroText(lang string) string {
	return strings.ReplaceAll(p.Intro.In(lang), "{operator}", p.Operator.Name.In(lang))
}

// Items lists every consent item with its kind and its statement, in the order
// of the bits of the edition.
func (p *Policy) Items() []Item {
	var out []Item
	for _, purpose := range p.Purposes {
		out = append(out, Item{ID: purpose.ID, Kind: consent.KindPurpose, Title: purpose.Title, Statement: purpose.Statement, GPC: purpose.GPC})
	}
	for _, o := range p.others() {
		if !o.None() {
			out = append(out, Item{ID: o.ID, Kind: o.kind, Statement: o.Statement, GPC: o.kind == consent.KindThirdParty})
		}
	}
	return out
}

// Item is one thing a person can allow, as the policy words it.
type Item struct {
	ID        string
	Kind      consent.Kind
	Title     Text // empty for what is no purpose
	Statement Text
	GPC       bool // lowered by a Global Privacy Control signal
}
