//go:build failpoints

// Package failpoint is where a test build dies: this is that build. Two variables
// of the environment rule it.
//
//	KELISIM_TEST_FAILPOINTS   point=action@n, with commas between: at the nth hit of a
//	                          point happens kill (this process), kill-engine (the
//	                          embedded ClickHouse, a moment later), kill-both, or
//	                          sleep:200ms
//	KELISIM_TEST_HITS         file to which each action is appended before it happens
//
// KELISIM_TEST_ENGINE names the engine.json of the data folder.
package failpoint

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type arm struct {
	action string
	at     int
}

// armed is read once: a build that has failpoints exists for one run of a test.
var armed = sync.OnceValue(func() map[string]arm {
	all := map[string]arm{}
	for _, one := range strings.Split(os.Getenv("KELISIM_TEST_FAILPOINTS"), ",") {
		name, rest, ok := strings.Cut(one, "=")
		if !ok {
			continue
		}
		action, at, _ := strings.Cut(rest, "@")
		n, err := strconv.Atoi(at)
		if err != nil {
			n = 1
		}
		all[name] = arm{action: action, at: n}
	}
	return all
})

var (
	mu   sync.Mutex
	hits = map[string]int{}
)

// Hit is a named place.
func Hit(name string) {
	a, ok := armed()[name]
	if !ok {
		return
	}
	mu.Lock()
	hits[name]++
	now := hits[name] == a.at
	mu.Unlock()
	if !now {
		return
	}
	note(name + " " + a.action)
	switch action, arg, _ := strings.Cut(a.action, ":"); action {
	case "kill":
		die()
	case "kill-engine":
		go func() {
			time.Sleep(rand.N(15 * time.Millisecond))
			killEngine()
		}()
	case "kill-both":
		killEngine()
		die()
	case "sleep":
		d, _ := time.ParseDuration(arg)
		time.Sleep(d)
	}
}

func note(line string) {
	f, err := os.OpenFile(os.Getenv("KELISIM_TEST_HITS"), os.O_WRONLY|os.O_CREATE|os.O_APPEND|os.O_SYNC, 0o600)
	if err != nil {
		return
	}
	_, _ = f.WriteString(line + "\n")
	_ = f.Close()
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func killEngine() {
	var access struct {
		EnginePID int `json:"engine_pid"`
	}
	b, err := os.ReadFile(os.Getenv("KELISIM_TEST_ENGINE"))
	if err == nil && json.Unmarshal(b, &access) == nil && access.EnginePID > 0 {
		_ = syscall.Kill(access.EnginePID, syscall.SIGKILL)
	}
}
