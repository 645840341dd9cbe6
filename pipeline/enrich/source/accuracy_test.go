package source_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kelisim/pipeline/enrich/source"
)

// judged reads the list that judges: 118 referrers of another project, of which
// nothing is copied here. Where its folder is absent the test is skipped, and says
// so.
func judged(t *testing.T) (cases []struct{ Spec, URI, Medium, Source string }) {
	t.Helper()
	folder := os.Getenv("KELISIM_TEST_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("SKIPPED: THE TEST DATA ARE ABSENT (%s); name their folder with KELISIM_TEST_DATA", folder)
	}
	text, err := os.ReadFile(filepath.Join(folder, "referer-tests.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestAccuracyReferrers(t *testing.T) {
	s, cases := sources(t), judged(t)
	for _, c := range cases {
		got := s.Source(c.URI, "https://www.example.com/")
		t.Logf("%-12s %-20s -> %-12s %-20s %.60s", c.Medium, c.Source, got.Channel, got.Name, c.URI)
	}
	_ = slices.Contains[[]string]
	_ = source.Direct
}
