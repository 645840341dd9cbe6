package policy

import (
	"os"
	"path/filepath"
	"testing"
)

// shipped reads a policy that ships with the product.
func shipped(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "policies", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parsed(t testing.TB, name string) *Policy {
	t.Helper()
	p, problems := Parse(name, shipped(t, name))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestShippedPoliciesAreClean(t *testing.T) {
	for _, name := range []string{"example.yaml", "demo.yaml"} {
		t.Logf("\n%s", Explain(parsed(t, name)))
	}
	if parsed(t, "example.yaml").Test || !parsed(t, "demo.yaml").Test {
		t.Error("only the demo is a test site")
	}
}
