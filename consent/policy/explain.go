package policy

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"kelisim/consent"
)

// Explain is the table behind the gate, for a person to read: what each item
// licenses alone, and what the answers of the banner come to.
func Explain(p *Policy) string {
	e, err := p.Edition()
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "site %s, edition %d, effective %s\nsha256 %s\n", p.Site, p.Issue.Number, p.Issue.Effective, p.HashString())
	fmt.Fprintf(&b, "a consent lasts up to %d months, to the first of a month; its proof %d days more; reports show groups of %d and more\n\n", p.TermMonths, p.ProofDays, p.K)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "item\tkind\tGPC\tkept\taddress\tfields")
	for _, it := range e.Items() {
		set, _ := e.ItemsOf([]string{it.ID})
		gpc := "-"
		if it.GPC {
			gpc = "off"
		}
		row(w, it.ID, it.Kind.String(), gpc, e.Permits(set))
	}
	fmt.Fprintln(w, "\t\t\t\t\t")
	var private consent.Items
	for i, it := range e.Items() {
		if !it.GPC {
			private |= 1 << i
		}
	}
	row(w, "refuse all", "answer", "-", e.Permits(0))
	row(w, "accept all", "answer", "-", e.Permits(e.All()))
	row(w, "accept all under GPC", "answer", "-", e.Permits(private))
	_ = w.Flush() // a strings.Builder takes everything
	if len(p.Events) > 0 {
		b.WriteString("\ncustom events:\n")
		for _, name := range sortedKeys(p.Events) {
			fmt.Fprintf(&b, "  %s {%s}\n", name, strings.Join(p.Events[name], ", "))
		}
	}
	for _, q := range p.Purposes {
		for _, s := range q.Services {
			fmt.Fprintf(&b, "\nservice %s of %s: %s, %s\n", s.ID, q.ID, s.Provider.In("en"), s.Country)
			for _, kept := range s.Stores() {
				if len(kept.Names) > 0 {
					fmt.Fprintf(&b, "  %s {%s}\n", kept.Kind, strings.Join(kept.Names, ", "))
				}
			}
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func row(w *tabwriter.Writer, name, kind, gpc string, p consent.Permission) {
	days := func(n int) string {
		if n == 0 {
			return "-"
		}
		return strconv.Itoa(n) + " d"
	}
	fields := p.Fields.String()
	if fields == "" {
		fields = "nothing"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", name, kind, gpc, days(p.Days), days(p.AddressDays), fields)
}
