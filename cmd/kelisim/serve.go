package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"kelisim/cmd/kelisim/node"
	"kelisim/consent/policy"
)

// stopWithin bounds the whole shutdown.
const stopWithin = 40 * time.Second

// serve runs a node until it is told to stop.
func serve(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("kelisim serve", flag.ContinueOnError)
	c, ok, err := flagsOnly(flags, args, out, errs, nil)
	if err != nil || !ok {
		return err
	}
	began := time.Now()
	thrift()
	n, err := node.Start(ctx, node.Options{Config: c, Logger: logger(errs)})
	if err != nil {
		return err
	}
	greet(n, out, time.Since(began))
	rereads(ctx, n)
	return stop(n)
}

// rereads reads the policies again on each SIGHUP, until ctx ends. What is wrong
// with them is logged.
func rereads(ctx context.Context, n *node.Node) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
			n.ReloadAndSay(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// stop ends a node with a deadline of its own: the context that told it to stop
// has ended already.
func stop(n *node.Node) error {
	last, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return n.Stop(last)
}

// greet says what an operator needs next.
func greet(n *node.Node, out io.Writer, took time.Duration) {
	fmt.Fprintf(out, "collector: %s\ndashboard: %s\n", n.PublicURL(), n.AdminURL())
	for _, s := range n.Catalogue().Sites() {
		fmt.Fprintf(out, "paste into the pages of %s: <script async src=\"%sk.js\" data-site=%q></script>\n", s.ID(), tagBase(s.Policy()), s.ID())
	}
	fmt.Fprintf(out, "the site's web server must pass /kelisim/ on to %s/ and /.well-known/gpc.json as it is, and be named in --trusted-proxies\n", n.PublicURL())
	fmt.Fprintf(out, "make an account for the dashboard: kelisim user add NAME\nready after %s\n", took.Round(10*time.Millisecond))
}

// tagBase is where the pages of a site find its collector.
func tagBase(p *policy.Policy) string {
	switch p.Mode {
	case policy.ModeSubdomain:
		return "https://collect." + p.Domain + "/"
	case policy.ModeCrossOrigin:
		return "https://collector.example/"
	}
	return "/kelisim/"
}

// collectAt is how much the memory in use may grow, in percent, before it is
// collected: less than Go's 100, for a twentieth of the speed at the highest rate
// and a quarter less memory.
const collectAt = 60

// thrift lets memory be collected earlier, unless the environment says when.
func thrift() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}
