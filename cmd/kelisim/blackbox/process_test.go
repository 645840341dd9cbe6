package blackbox_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// deadline bounds every wait that should be short.
const deadline = time.Minute

// process is a running kelisim.
type process struct {
	t         *testing.T
	cmd       *exec.Cmd
	out, errs *output
	done      chan struct{} // closed when it has ended
}

// output collects what a process writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// launch starts the binary; it is killed when the test ends, should it still
// run then.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Getenv(binaryVariable), args...), out: &output{}, errs: &output{}, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = env, t.TempDir(), p.out, p.errs
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		_ = p.cmd.Wait() // the code is read from its state
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("kelisim %s\n%s%s", strings.Join(args, " "), p.out, p.errs)
		}
	})
	return p
}

// signal sends a signal, if the process still runs.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
}

// kill ends the process as a crash would.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.done
}

// exit waits for the end and returns the exit code.
func (p *process) exit(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		p.t.Fatalf("the process does not end within %s", within)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop asks the process to end, as a service manager does.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.exit(deadline); code != 0 {
		p.t.Errorf("exit code after SIGTERM = %d, want 0", code)
	}
}

// said waits for a line of standard output that begins with a word, and returns
// the rest of it.
func (p *process) said(word string) string {
	p.t.Helper()
	var rest string
	eventually(p.t, deadline, "the line "+word, func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("the process ended before it said %q:\n%s", word, p.errs)
		default:
		}
		for line := range strings.Lines(p.out.String()) {
			if text, ok := strings.CutPrefix(line, word); ok && strings.HasSuffix(line, "\n") {
				rest = strings.TrimSpace(text)
				return true
			}
		}
		return false
	})
	return rest
}

// command runs the binary to its end.
func command(t *testing.T, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	p := launch(t, env, args...)
	code = p.exit(2 * time.Minute)
	return code, p.out.String(), p.errs.String()
}

// eventually polls until a condition holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain for: %s", within, what)
		}
	}
}

// runs reports whether a process lives. One that is dead and only not yet
// collected by its parent does not.
func runs(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) || !hasProc()
	}
	_, after, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(after, []byte("Z"))
}

func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}
