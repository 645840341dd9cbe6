//go:build !race

package collector

import "testing"

// TestAllocsEvents holds whole requests to their budgets, from the router to the
// answer, with a sink that costs nothing; the race detector allocates on its own
// account.
func TestAllocsEvents(t *testing.T) {
	for _, test := range []struct {
		what  string
		sent  crowdOptions
		limit float64
	}{
		{"no token", crowdOptions{events: 1, refused: true}, 1},
		{"another origin", crowdOptions{events: 1, foreign: "https://evil.example"}, 1},
		{"an event under a consent", crowdOptions{events: 1}, 3},
		{"twenty events under a consent", crowdOptions{events: 20}, 3},
	} {
		c := newCrowd(t, test.sent)
		for range 2 * visitors {
			c.next(t)
		}
		n := testing.AllocsPerRun(visitors, func() { c.next(t) })
		t.Logf("%s: %.0f allocations", test.what, n)
		if n > test.limit {
			t.Errorf("%s: %.0f allocations, at most %.0f are allowed", test.what, n, test.limit)
		}
	}
}
