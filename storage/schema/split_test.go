package schema_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kelisim/storage/schema"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want []string
	}{
		{"empty", " \n", nil},
		{"one without an end", "SELECT 1", []string{"SELECT 1"}},
		{"two", "SELECT 1;\nSELECT 2;\n", []string{"SELECT 1", "SELECT 2"}},
		{"only comments", "-- why; because\n/* a;b */ ;", nil},
		{"comment stays", "-- why\nSELECT 1;", []string{"-- why\nSELECT 1"}},
		{"semicolon in quotes", "SELECT ';', \";\", `;`; SELECT 2", []string{"SELECT ';', \";\", `;`", "SELECT 2"}},
		{"doubled quote", "SELECT 'it''s; fine'; SELECT 2", []string{"SELECT 'it''s; fine'", "SELECT 2"}},
		{"escaped quote", `SELECT 'a\';b'; SELECT 2`, []string{`SELECT 'a\';b'`, "SELECT 2"}},
		{"quote in a comment", "-- it's\nSELECT 1; SELECT 2", []string{"-- it's\nSELECT 1", "SELECT 2"}},
		{"semicolon in a comment", "SELECT 1 -- a;b\n, 2; SELECT 3", []string{"SELECT 1 -- a;b\n, 2", "SELECT 3"}},
		{"block comment", "SELECT /* ; */ 1; SELECT 2", []string{"SELECT /* ; */ 1", "SELECT 2"}},
		{"open quote", "SELECT 'a;b", []string{"SELECT 'a;b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, schema.Split(test.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
