package main

import (
	"bufio"
	"context"
	_ "embed" // the requests that wrk makes
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"kelisim/cmd/kelisim/visitor"
)

//go:embed visitors.lua
var visitorsScript []byte

// single is one event a request with a consent, by wrk, beside the bare handler.
// The rate counts rows that stand in the database, until the last one does.
func single(ctx context.Context, b *bench) error {
	return b.beside(ctx, "Single events with consent, wrk, 64 connections", true)
}

// refused is one event a request without a consent.
func refused(ctx context.Context, b *bench) error {
	return b.beside(ctx, "Single events without consent, wrk, 64 connections", false)
}

func (b *bench) beside(ctx context.Context, title string, consent bool) error {
	bare, err := b.startBare(ctx)
	if err != nil {
		return err
	}
	kelisim, err := b.startKelisim(ctx)
	if err != nil {
		return err
	}
	if err := b.meet(ctx, kelisim.url); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n## %s\n\n| round | bare requests/s | kelisim | ratio | answered 2xx | rows | all visible after | "+
		"processor time a request, client included: bare, kelisim | ratio |\n|---|---|---|---|---|---|---|---|---|\n", title)
	var ratios, byTime []float64
	for round := range b.o.rounds {
		base, baseTime, err := b.timed(ctx, bare.url, consent, bare.cmd.Process.Pid)
		if err != nil {
			return err
		}
		before, err := b.rows(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		start, err := spent(kelisim.cmd.Process.Pid, b.engine)
		if err != nil {
			return err
		}
		w, err := b.wrk(ctx, kelisim.url, consent)
		if err != nil {
			return err
		}
		rate, rows, visible := w.rate(), uint64(0), time.Duration(0)
		if consent {
			all, at, err := b.settled(ctx, before+w.requests)
			if err != nil {
				return err
			}
			rows, visible = all-before, at.Sub(began)-w.took
			rate = float64(rows) / at.Sub(began).Seconds()
		}
		end, err := spent(kelisim.cmd.Process.Pid, b.engine) // until all rows are visible
		if err != nil {
			return err
		}
		each := (end - start + w.processor) / time.Duration(w.requests)
		ratios, byTime = append(ratios, rate/base.rate()), append(byTime, float64(baseTime)/float64(each))
		fmt.Fprintf(b.out, "| %d | %.0f | %.0f | %.2f | %d | %d | %s | %s, %s | %.2f |\n", round+1, base.rate(), rate, rate/base.rate(),
			w.requests-w.refused, rows, visible.Round(10*time.Millisecond), baseTime, each, byTime[len(byTime)-1])
	}
	fmt.Fprintf(b.out, "\nmiddle ratio: **%.2f**; by processor time, which other work on the machine disturbs less: %.2f\n", middle(ratios), middle(byTime))
	return nil
}

// timed is wrk with the processor time that a request takes of it and of a server.
func (b *bench) timed(ctx context.Context, url string, consent bool, pid int) (counted, time.Duration, error) {
	start, err := spent(pid)
	if err != nil {
		return counted{}, 0, err
	}
	w, err := b.wrk(ctx, url, consent)
	if err != nil {
		return w, 0, err
	}
	end, err := spent(pid)
	return w, (end - start + w.processor) / time.Duration(w.requests), err
}

// meet makes the visitors: each with a consent, an address and a User-Agent of
// its own, in a file for wrk.
func (b *bench) meet(ctx context.Context, url string) error {
	if b.requests != "" {
		return nil
	}
	path := filepath.Join(b.o.dir, "visitors")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range b.o.visitors {
		address, agent := fmt.Sprintf("198.18.%d.%d", i/250, i%250+1), agentOf(i)
		v := visitor.New(visitor.Options{
			Base: url, Site: "demo", Origin: "http://localhost:8088", Address: address, UserAgent: agent, Lang: "kk",
			Client: http.DefaultClient, Now: time.Now,
		})
		if err := v.Decide(ctx, "accept_all", nil); err != nil {
			return errors.Join(err, f.Close())
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", v.Token(), address, agent)
	}
	b.requests = path
	return errors.Join(w.Flush(), f.Close())
}

// agentOf gives each visitor a User-Agent; there are as many as visitors.
func agentOf(i int) string {
	switch i % 4 {
	case 0:
		return fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.0 Safari/537.36", 120+i%25, i)
	case 1:
		return fmt.Sprintf("Mozilla/5.0 (Linux; Android 14; SM-S9%02d) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.0 Mobile Safari/537.36", i%100, 120+i%25, i)
	case 2:
		return fmt.Sprintf("Mozilla/5.0 (iPhone; CPU iPhone OS 18_%d like Mac OS X) AppleWebKit/605.1.%d (KHTML, like Gecko) Version/18.%d Mobile/15E148 Safari/604.1", i%7, i, i%7)
	}
	return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.%d", 120+i%30, 120+i%30, i)
}

// counted is what wrk saw.
type counted struct {
	requests, refused uint64
	took, processor   time.Duration
}

func (c counted) rate() float64 { return float64(c.requests) / c.took.Seconds() }

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in ([\d.]+)s`)
	wrkRefused  = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// wrk sends for as long as a measurement lasts.
func (b *bench) wrk(ctx context.Context, url string, consent bool) (counted, error) {
	script := filepath.Join(b.o.dir, "visitors.lua")
	if err := os.WriteFile(script, visitorsScript, 0o600); err != nil {
		return counted{}, err
	}
	cmd := exec.CommandContext(ctx, "wrk", "-t2", "-c64", "-d"+b.o.seconds.String(), "-s", script, url)
	cmd.Env = append(os.Environ(), "VISITORS="+b.requests, "CONSENT="+strconv.FormatBool(consent))
	out, err := cmd.Output()
	if err != nil {
		return counted{}, fmt.Errorf("wrk: %w", err)
	}
	m := wrkRequests.FindSubmatch(out)
	if m == nil {
		return counted{}, fmt.Errorf("wrk printed no sum: %s", out)
	}
	c := counted{processor: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	c.requests, _ = strconv.ParseUint(string(m[1]), 10, 64)
	seconds, _ := strconv.ParseFloat(string(m[2]), 64)
	c.took = time.Duration(seconds * float64(time.Second))
	if m := wrkRefused.FindSubmatch(out); m != nil {
		c.refused, _ = strconv.ParseUint(string(m[1]), 10, 64)
	}
	return c, nil
}
