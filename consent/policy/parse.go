package policy

import (
	"slices"

	"kelisim/consent"
)

// Defaults of a policy file.
const (
	DefaultK             = 10
	MinK                 = 5
	DefaultTermMonths    = 6
	DefaultProofDays     = 1095
	DefaultRetentionDays = 90
	DefaultAddressDays   = 30
)

// Parse reads and checks one policy file. file names it in problems. The policy
// is nil unless there are none.
func Parse(file string, data []byte) (*Policy, Problems) {
	p := &Policy{}
	d := decode(file, data, p)
	if d.bad[""] {
		return nil, d.problems
	}
	p.withDefaults(d)
	c := &checker{p: p, decoder: d}
	c.all()
	if len(d.problems) > 0 {
		return nil, d.problems
	}
	p.canonicalise()
	p.document = p.encode()
	if _, err := p.Edition(); err != nil {
		c.add("purposes", "", "cannot be compiled: "+err.Error())
		return nil, d.problems
	}
	return p, nil
}

// withDefaults fills in what the file leaves out, and what its form implies.
func (p *Policy) withDefaults(d *decoder) {
	p.Format = documentFormat
	set := func(field string, v *int, def int) {
		if !d.has(field) {
			*v = def
		}
	}
	set("k", &p.K, DefaultK)
	set("term_months", &p.TermMonths, DefaultTermMonths)
	set("proof_days", &p.ProofDays, DefaultProofDays)
	if !d.has("mode") {
		p.Mode = ModePath
	}
	set("banner.radius", &p.Look.Radius, DefaultRadius)
	if !d.has("banner.position") {
		p.Look.Position = Positions()[0]
	}
	if !d.has("banner.side") {
		p.Look.Side = "left"
	}
	if d.has("replaces") && !d.has("replaces.holds") {
		p.Replaces.Holds = !p.Replaces.Material
	}
	for i := range p.Purposes {
		purpose := &p.Purposes[i]
		at := index("purposes", i)
		set(at+".retention_days", &purpose.RetentionDays, DefaultRetentionDays)
		if purpose.FieldSet().Has(consent.FieldAddress) {
			set(at+".address_days", &purpose.AddressDays, min(DefaultAddressDays, max(purpose.RetentionDays, 1)))
		}
	}
	if !d.has("languages") {
		p.Langs = []string{"kk", "ru"}
		if slices.ContainsFunc(p.texts(), func(t located) bool { return t.EN != "" }) {
			p.Langs = append(p.Langs, "en")
		}
	}
	if !d.has("rights") {
		p.Rights = defaultRights()
		if !slices.Contains(p.Langs, "en") {
			p.Rights.EN = ""
		}
	}
}

// canonicalise makes two ways of writing the same policy the same document.
func (p *Policy) canonicalise() {
	names := func(fields []string) []string {
		set := Purpose{Fields: fields}.FieldSet()
		out := []string{}
		for _, f := range set.List() {
			out = append(out, f.String())
		}
		return out
	}
	p.Purposes, p.Data = slices.Clone(p.Purposes), slices.Clone(p.Data)
	for i := range p.Purposes {
		p.Purposes[i].Fields = names(p.Purposes[i].Fields)
		p.Purposes[i].Services = canonicalServices(p.Purposes[i].Services)
	}
	for i := range p.Data {
		p.Data[i].Fields = names(p.Data[i].Fields)
	}
	if p.Recipients == nil {
		p.Recipients = []Recipient{}
	}
	events := map[string][]string{}
	for name, props := range p.Events {
		props = append([]string{}, props...)
		slices.Sort(props)
		events[name] = props
	}
	p.Events = events
}

// defaultRights is the text a policy has unless it writes its own.
func defaultRights() Text {
	return Text{
		KK: "Сіз өзіңіз туралы қандай деректер сақталғанын білуге, оларды түзетуді, бұғаттауды немесе жоюды талап етуге, келісімді кері қайтарып алуға және уәкілетті органға шағымдануға құқылысыз.",
		RU: "Вы вправе узнать, какие данные о вас хранятся, потребовать исправить, заблокировать или удалить их, отозвать согласие и обратиться с жалобой в уполномоченный орган.",
		EN: "You may learn what data are held about you, demand that they be corrected, blocked or erased, withdraw your consent and complain to the authority.",
	}
}
