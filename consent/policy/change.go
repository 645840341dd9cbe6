package policy

import (
	"fmt"
	"slices"
)

// Widened lists what an edition allows beyond an older one: purposes, fields,
// services, other items, recipients, countries, longer terms. A change that is not
// material has none of it.
func Widened(older, newer *Policy) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if older.Operator.BIN != newer.Operator.BIN {
		add("another operator")
	}
	if newer.TermMonths > older.TermMonths {
		add("a longer term of the consent")
	}
	if newer.Storage.Country != older.Storage.Country {
		add("storage in %s", newer.Storage.Country)
	}
	for _, q := range newer.Purposes {
		was, known := older.Purpose(q.ID)
		if !known {
			add("the purpose %s", q.ID)
			continue
		}
		if more := q.FieldSet().Minus(was.FieldSet()); more != 0 {
			add("the fields %s for the purpose %s", more, q.ID)
		}
		if q.RetentionDays > was.RetentionDays || q.AddressDays > was.AddressDays {
			add("a longer retention for the purpose %s", q.ID)
		}
	}
	out = append(out, widenedServices(older, newer)...)
	before := older.others()
	for i, o := range newer.others() {
		if !o.None() && before[i].None() {
			add("the item %s", o.ID)
		}
	}
	for _, r := range newer.Recipients {
		i := slices.IndexFunc(older.Recipients, func(was Recipient) bool { return was.Name == r.Name })
		switch {
		case i < 0:
			add("the recipient %s", r.Name.KK)
		case older.Recipients[i].Country != r.Country:
			add("another country for the recipient %s", r.Name.KK)
		case slices.ContainsFunc(r.Purposes, func(id string) bool { return !slices.Contains(older.Recipients[i].Purposes, id) }):
			add("another purpose for the recipient %s", r.Name.KK)
		}
	}
	for name, props := range newer.Events {
		was, known := older.Events[name]
		if !known || slices.ContainsFunc(props, func(p string) bool { return !slices.Contains(was, p) }) {
			add("the event %s or properties of it", name)
		}
	}
	slices.Sort(out)
	return out
}
