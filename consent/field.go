package consent

import (
	"fmt"
	"math/bits"
	"strings"
)

// Field is one kind of telemetry that a purpose may license. The list is
// closed: what is not on it cannot be stored.
type Field uint8

// The fields a policy can license, in the order of their bits.
const (
	FieldPage       Field = iota // path of the page, without parameters
	FieldReferrer                // host of the site the visitor came from, its source and channel
	FieldCampaign                // allow-listed UTM keys, the kind of a click id
	FieldCountry                 // country of the address
	FieldAddress                 // network of the address (/24, /48)
	FieldBrowser                 // browser family and major version
	FieldOS                      // operating system family
	FieldDevice                  // device class
	FieldSession                 // random session id
	FieldVisitor                 // the consent id may count as a visitor
	FieldEvents                  // declared custom events and their properties
	FieldEngagement              // engaged time of a page view
	FieldRegion                  // region of the address
	FieldCity                    // city of the address
	FieldVitals                  // loading and response times of a page view
	fieldCount
)

var fieldNames = [fieldCount]string{
	"page", "referrer", "campaign", "country", "address", "browser", "os",
	"device", "session", "visitor", "events", "engagement", "region", "city", "vitals",
}

// String is the name of the field in policy files.
func (f Field) String() string {
	if f >= fieldCount {
		return fmt.Sprintf("field(%d)", uint8(f))
	}
	return fieldNames[f]
}

// ParseField finds a field by its name in policy files.
func ParseField(name string) (Field, bool) {
	for i, n := range fieldNames {
		if n == name {
			return Field(i), true
		}
	}
	return 0, false
}

// AllFields lists every field, in the order of their bits.
func AllFields() []Field {
	all := make([]Field, fieldCount)
	for i := range all {
		all[i] = Field(i)
	}
	return all
}

// Fields is a set of fields. The zero value is the empty set.
type Fields uint32

// FieldsOf makes a set.
func FieldsOf(fields ...Field) Fields {
	var s Fields
	for _, f := range fields {
		s = s.With(f)
	}
	return s
}

// Has reports whether f is in the set.
func (s Fields) Has(f Field) bool { return f < fieldCount && s&(1<<f) != 0 }

// With is the set and f.
func (s Fields) With(f Field) Fields {
	if f >= fieldCount {
		return s
	}
	return s | 1<<f
}

// Union is what is in either set.
func (s Fields) Union(o Fields) Fields { return s | o }

// Minus is what is in s and not in o.
func (s Fields) Minus(o Fields) Fields { return s &^ o }

// Len counts the fields in the set.
func (s Fields) Len() int { return bits.OnesCount32(uint32(s)) }

// List is the set in the order of the bits.
func (s Fields) List() []Field {
	var out []Field
	for f := range fieldCount {
		if s.Has(f) {
			out = append(out, f)
		}
	}
	return out
}

// String is the names in the order of the bits, joined by commas.
func (s Fields) String() string {
	names := make([]string, 0, s.Len())
	for _, f := range s.List() {
		names = append(names, f.String())
	}
	return strings.Join(names, ",")
}
