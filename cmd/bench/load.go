package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"kelisim/cmd/kelisim/load"
	"kelisim/cmd/kelisim/node"
	"kelisim/consent/policy"
	"kelisim/storage/readback"
)

// site is the policy that is played on.
func (b *bench) site() (*policy.Policy, error) {
	all, problems, err := node.LoadPolicies(b.o.policies)
	if err != nil || len(problems) > 0 {
		return nil, errors.Join(err, problems.Err())
	}
	for _, p := range all {
		if p.Site == "demo" {
			return p, nil
		}
	}
	return nil, errors.New("there is no policy of the site demo")
}

// play plays visitors on one of the servers.
func (b *bench) play(ctx context.Context, p *process, plain bool, o load.Options) (load.Report, error) {
	site, err := b.site()
	if err != nil {
		return load.Report{}, err
	}
	o.URL, o.Policy, o.Plain, o.Seed = p.url, site, plain, uint64(time.Now().UnixNano())
	o.Origin = "http://localhost"
	if !plain {
		if o.Stored, err = readback.New(b.db.Maintenance()); err != nil {
			return load.Report{}, err
		}
	}
	r, err := load.Run(ctx, o)
	if err == nil && r.Broken() {
		err = errors.New("a law is broken: the report says which")
		_ = r.Print(os.Stderr)
	}
	return r, err
}

// byLoad is one event a call by kelisim load, beside the bare handler.
func byLoad(ctx context.Context, b *bench) error {
	bare, kelisim, err := b.both(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n## Single events with consent, kelisim load, 64 connections\n\n"+
		"| round | bare requests/s | kelisim: rows/s visible | ratio | lost, doubled, forbidden |\n|---|---|---|---|---|\n")
	var ratios []float64
	for round := range b.o.rounds {
		o := load.Options{Mix: load.MixEvents, Duration: b.o.seconds + time.Second, Warmup: time.Second}
		base, err := b.play(ctx, bare, true, o)
		if err != nil {
			return err
		}
		r, err := b.play(ctx, kelisim, false, o)
		if err != nil {
			return err
		}
		ratios = append(ratios, r.RowsPerS/base.PerSecond)
		fmt.Fprintf(b.out, "| %d | %.0f | %.0f | %.2f | %d, %d, %d |\n", round+1, base.PerSecond, r.RowsPerS, r.RowsPerS/base.PerSecond,
			r.Verdict.Lost, r.Verdict.Doubled, r.Verdict.Forbidden)
	}
	fmt.Fprintf(b.out, "\nmiddle ratio: **%.2f**\n", middle(ratios))
	return b.memory(kelisim)
}

func (b *bench) both(ctx context.Context) (bare, kelisim *process, err error) {
	if bare, err = b.startBare(ctx); err != nil {
		return nil, nil, err
	}
	kelisim, err = b.startKelisim(ctx)
	return bare, kelisim, err
}

func (b *bench) memory(p *process) error {
	now, most, err := p.resident()
	fmt.Fprintf(b.out, "\nmemory of the collector: %d MB resident, %d MB at most\n", now, most)
	return err
}

// latency is the answer's time at half of the highest rate, by schedule: counted
// from when a call was due.
func latency(ctx context.Context, b *bench) error {
	bare, kelisim, err := b.both(ctx)
	if err != nil {
		return err
	}
	most, err := b.play(ctx, kelisim, false, load.Options{Mix: load.MixEvents, Duration: b.o.seconds + time.Second, Warmup: time.Second})
	if err != nil {
		return err
	}
	half := most.PerSecond / 2
	fmt.Fprintf(b.out, "\n## Latency at %.0f calls a second, half of the most, %s, ms from when due\n\n"+
		"| | p50 | p90 | p99 | p99.9 | most |\n|---|---|---|---|---|---|\n", half, b.o.slow)
	line := func(name string, l load.Latency) {
		fmt.Fprintf(b.out, "| %s | %.2f | %.2f | %.2f | %.2f | %.2f |\n", name, l.P50, l.P90, l.P99, l.P999, l.Max)
	}
	o := load.Options{Mix: load.MixEvents, Rate: half, Duration: b.o.slow, Warmup: 5 * time.Second}
	r, err := b.play(ctx, bare, true, o)
	if err != nil {
		return err
	}
	line("bare handler", r.Latency.Events)
	if r, err = b.play(ctx, kelisim, false, o); err != nil {
		return err
	}
	line("events", r.Latency.Events)
	whole := load.Options{Mix: load.MixAll, Shares: load.Usual(), Duration: b.o.seconds + time.Second, Warmup: time.Second}
	if most, err = b.play(ctx, kelisim, false, whole); err != nil {
		return err
	}
	whole.Rate, whole.Duration, whole.Warmup = most.PerSecond/2, b.o.slow, 5*time.Second
	if r, err = b.play(ctx, kelisim, false, whole); err != nil {
		return err
	}
	visits := fmt.Sprintf("whole visits, %.0f calls/s: ", whole.Rate)
	line(visits+"events", r.Latency.Events)
	line(visits+"decisions", r.Latency.Decisions)
	line(visits+"banners", r.Latency.Banners)
	p50, p99, err := b.disk()
	fmt.Fprintf(b.out, "| fdatasync of 300 bytes | %.2f | | %.2f | | |\n", p50, p99)
	return err
}

// disk is how long an fdatasync takes, in milliseconds.
func (b *bench) disk() (p50, p99 float64, err error) {
	f, err := os.Create(filepath.Join(b.o.dir, "disk"))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	var took []float64
	for i := range int64(2000) {
		began := time.Now()
		if _, err := f.WriteAt(make([]byte, 300), i*300); err != nil {
			return 0, 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, 0, err
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100], nil
}
