package blackbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKeyCommand: the words of kelisim key, which never show a secret.
func TestKeyCommand(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	old, secret := time.Now().AddDate(-2, 0, 0), strings.Repeat("5ec4e7", 11)[:64]
	put := func(id int, made time.Time) {
		t.Helper()
		name := filepath.Join(dir, fmt.Sprintf("token-%d.key", id))
		if err := os.WriteFile(name, fmt.Appendf(nil, "%s\ncreated %s\n", secret, made.UTC().Format(time.RFC3339)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	does := func(code int, words []string, says ...string) {
		t.Helper()
		got, out, errs := command(t, environment(t), append(append([]string{"key"}, words...), "--keys", dir)...)
		if got != code {
			t.Errorf("%v: exit code %d, want %d: %s", words, got, code, errs)
		}
		for _, word := range says {
			if !strings.Contains(out+errs, word) {
				t.Errorf("%v does not say %q:\n%s%s", words, word, out, errs)
			}
		}
		if strings.Contains(out+errs, "5ec4e7") {
			t.Errorf("%v shows a secret", words)
		}
	}
	does(1, []string{"list"}, "holds no token-<number>.key")
	does(0, []string{"rotate"}, "key 1 is made")
	put(1, old)
	put(2, old.AddDate(0, 6, 0))
	does(0, []string{"rotate"}, "key 3 is made", "signs from")
	does(0, []string{"list"}, "key 1\t", "kelisim key prune removes it", "key 2\t", "\tsigns\n", "key 3\t", "verifies; signs from")
	does(0, []string{"prune"}, "key 1 is removed")
	does(0, []string{"prune"}, "no key can be removed yet")
	does(1, []string{"forget"}, "usage: kelisim key")
	does(1, []string{"rotate", "twice"}, "usage: kelisim key")
}
