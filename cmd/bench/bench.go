package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kelisim/storage"
	"kelisim/storage/embedded"
)

// bench is what the sections share: the processes that are measured.
type bench struct {
	o   options
	out io.Writer

	bare, kelisim *process
	engine        int // process of the embedded ClickHouse
	db            *storage.DB
	requests      string // file of visitors for wrk
}

// process is a server that was started here.
type process struct {
	cmd   *exec.Cmd
	url   string
	admin string // address of the other listener
	data  string
}

// startBare starts the baseline, once.
func (b *bench) startBare(ctx context.Context) (*process, error) {
	if b.bare != nil {
		return b.bare, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := free()
	if err != nil {
		return nil, err
	}
	b.bare, err = start(ctx, exec.Command(self, "bare", address), "http://"+address)
	return b.bare, err
}

// startKelisim starts a collector with its engine in a folder of its own, once.
func (b *bench) startKelisim(ctx context.Context) (*process, error) {
	if b.kelisim != nil {
		return b.kelisim, nil
	}
	public, err := free()
	if err != nil {
		return nil, err
	}
	admin, err := free()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(b.o.dir, "data")
	cmd := exec.Command(b.o.kelisim, "serve", "--listen", public, "--admin-listen", admin, "--data-dir", data, "--policies", b.o.policies)
	cmd.Env = append(os.Environ(), "KELISIM_TRUSTED_PROXIES=127.0.0.1/32", "KELISIM_RATE_LIMIT=0")
	cmd.Dir = filepath.Dir(b.o.policies)
	p, err := start(ctx, cmd, "http://"+public)
	if err != nil {
		return nil, err
	}
	p.data, p.admin, b.kelisim = data, "http://"+admin, p
	if err := until(ctx, 30*time.Second, func() bool { return answers(ctx, p.url+"/readyz") }); err != nil {
		return nil, fmt.Errorf("the collector is not ready: %w", err)
	}
	access, err := embedded.Attach(ctx, data)
	if err != nil {
		return nil, err
	}
	b.engine = access.EnginePID
	b.db, err = storage.Open(ctx, storage.Options{Engine: access})
	return p, err
}

// stop ends what was started.
func (b *bench) stop() {
	if b.db != nil {
		_ = b.db.Close()
	}
	for _, p := range []*process{b.bare, b.kelisim} {
		if p == nil {
			continue
		}
		_ = p.cmd.Process.Signal(os.Interrupt)
		_ = p.cmd.Wait()
	}
	b.db, b.bare, b.kelisim = nil, nil, nil
}

func start(ctx context.Context, cmd *exec.Cmd, url string) (*process, error) {
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	err := until(ctx, 30*time.Second, func() bool {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return &process{cmd: cmd, url: url}, nil
}

// rows counts what stands in the table of events.
func (b *bench) rows(ctx context.Context) (n uint64, err error) {
	err = b.db.Maintenance().QueryRow(ctx, "SELECT count() FROM events").Scan(&n)
	return n, err
}

// settled waits until as many rows stand as were accepted, or no more come.
func (b *bench) settled(ctx context.Context, want uint64) (rows uint64, at time.Time, err error) {
	last := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := b.rows(ctx)
		if err != nil {
			return 0, at, err
		}
		if n > rows {
			rows, last = n, time.Now()
		}
		if rows >= want || time.Since(last) > 20*time.Second {
			return rows, last, nil
		}
		<-tick.C
	}
}

// resident is how much memory a process holds, and how much it held at most, in
// megabytes.
func (p *process) resident() (now, most int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kb); err == nil {
			now = kb >> 10
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			most = kb >> 10
		}
	}
	return now, most, nil
}

// spent is how much processor time processes have used since they began.
func spent(pids ...int) (sum time.Duration, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		_, after, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(after)
		if len(fields) < 13 {
			return 0, errors.New("/proc says nothing of processor time")
		}
		for _, f := range fields[11:13] { // user and system, in hundredths of a second
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(n) * (time.Second / 100)
		}
	}
	return sum, nil
}

// free is an address that nobody listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return errors.Join(res.Body.Close()) == nil && res.StatusCode == http.StatusOK
}

func until(ctx context.Context, within time.Duration, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %s in vain", within)
		}
	}
	return nil
}

// middle is the median.
func middle(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
