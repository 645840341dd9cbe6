package blackbox_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestLoad: the load generator plays visitors on a running installation and
// finds, through the engine of that very installation, that nothing is lost.
func TestLoad(t *testing.T) {
	n := install(t)
	n.serve(t)
	run := func(args ...string) (int, string, string) {
		t.Helper()
		return command(t, environment(t), append([]string{
			"load", "--data-dir", n.data, "--policies", n.policies, "--listen", n.listen, "--connections", "8", "--visitors", "100",
		}, args...)...)
	}
	code, out, errs := run("--duration", "1500ms", "--warmup", "300ms", "--json", "--seed", "9")
	var report struct {
		Seed    uint64
		Verdict struct{ Acknowledged, Lost, Doubled, Forbidden, Decisions uint64 }
		Latency struct{ Events struct{ Calls uint64 } }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	if v := report.Verdict; code != 0 || v.Lost+v.Doubled+v.Forbidden != 0 || v.Acknowledged == 0 || v.Decisions == 0 || report.Latency.Events.Calls == 0 || report.Seed != 9 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	code, out, errs = run("--duration", "1s", "--warmup", "200ms", "--mix", "events", "--batch", "5", "--rate", "100")
	if code != 0 || !strings.Contains(out, "100 calls/s by schedule") || !strings.Contains(out, "lost 0, doubled 0, forbidden 0") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	for args, want := range map[string]string{
		"--url http://198.51.100.7": "neither this machine", "--mix everything": "the mix must be", "--site shop": "no policy",
		"--batch 101": "batch", "--warmup 1h": "longer than the warm-up", "--refused 0.9": "must not be more than 1",
	} {
		if code, _, errs := run(strings.Fields(args)...); code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d and %q, want 1 and %q", args, code, errs, want)
		}
	}
	n.stop()
}
