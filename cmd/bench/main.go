// Command bench measures the collector against bare parts in one run: a bare
// Fiber handler that answers 204 to the same requests, and bare clickhouse-go
// that inserts the same rows. It prints a table in Markdown; docs/benchmarks.md
// says with which command and machine its figures came about.
//
// Everything runs on this machine over loopback: the collector with its embedded
// ClickHouse, the baseline and the program that makes the load share its cores.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "bare" {
		fmt.Fprintln(os.Stderr, "bench:", serveBare(os.Args[2]))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options say what is measured, and how long.
type options struct {
	kelisim  string
	policies string
	dir      string
	visitors int
	rounds   int
	seconds  time.Duration
	slow     time.Duration
	only     string
}

// section is one table of the report.
type section struct {
	name string
	run  func(context.Context, *bench) error
}

func sections() []section {
	return []section{
		{"single", single},
		{"refused", refused},
		{"load", byLoad},
		{"batch", batches},
		{"latency", latency},
		{"memory", memory},
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var o options
	flags.StringVar(&o.kelisim, "kelisim", "bin/kelisim", "the binary to measure")
	flags.StringVar(&o.policies, "policies", "policies", "folder of policies; its site demo is played on")
	flags.IntVar(&o.visitors, "visitors", 2000, "tokens, addresses and User-Agents in play")
	flags.IntVar(&o.rounds, "rounds", 3, "alternating rounds; the middle one counts")
	flags.DurationVar(&o.seconds, "for", 10*time.Second, "length of one measurement")
	flags.DurationVar(&o.slow, "latency-for", time.Minute, "length of one measurement of latency")
	flags.StringVar(&o.only, "only", "", "sections to run, with commas between; default all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if o.kelisim, err = filepath.Abs(o.kelisim); err != nil {
		return err
	}
	if o.policies, err = filepath.Abs(o.policies); err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp("", "kelisim-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)
	b := &bench{o: o, out: os.Stdout}
	defer b.stop()
	for _, s := range sections() {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+s.name+",") {
			continue
		}
		if err := s.run(ctx, b); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", s.name, err), ctx.Err())
		}
	}
	return nil
}
