package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/demo"
	"kelisim/cmd/kelisim/node"
	"kelisim/dashboard/accounts"
	"kelisim/policies"
)

// crowd is how many visitors are played at the beginning of a demo with traffic.
const crowd = 400

// runDemo is serve with a policy, a site that carries the banner, an account,
// and, if wanted, visitors.
func runDemo(ctx context.Context, args []string, out, errs io.Writer) (err error) {
	flags := flag.NewFlagSet("kelisim demo", flag.ContinueOnError)
	siteListen := flags.String("site-listen", "127.0.0.1:8088", "address of the demo site")
	traffic := flags.Bool("traffic", false, "play made-up visitors, so that the dashboard is alive at once")
	c, ok, err := flagsOnly(flags, args, out, errs, map[string]string{
		"data-dir": "./data/demo", "policies": "", "trusted-proxies": "127.0.0.1/32,::1/128",
	})
	if err != nil || !ok {
		return err
	}
	if c.Policies, err = demoPolicies(c); err != nil {
		return err
	}
	log := logger(errs)
	n, err := node.Start(ctx, node.Options{Config: c, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(n)) }()
	password, err := demoAccount(ctx, c.DataDir)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *siteListen)
	if err != nil {
		return fmt.Errorf("address %s cannot be used: %w: give another --site-listen", *siteListen, err)
	}
	origin := "http://localhost:" + port(l)
	var wg sync.WaitGroup
	defer wg.Wait()
	if err := serveSite(ctx, &wg, l, n.PublicURL(), log); err != nil {
		return err
	}
	fmt.Fprintf(out, "site: %s/\ndashboard: %s/\nlogin: %s %s\nready\n", origin, n.AdminURL(), demoUser, password)
	if *traffic {
		demo.Traffic{Collector: n.PublicURL(), Origin: origin, Crowd: crowd, Logger: log}.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

const demoUser = "demo"

func port(l net.Listener) string {
	a, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return ""
	}
	return fmt.Sprint(a.Port())
}

// demoPolicies writes the demo's policy into the data folder, unless a folder of
// policies is given.
func demoPolicies(c *config.Config) (string, error) {
	if c.Policies != "" {
		return c.Policies, nil
	}
	dir := filepath.Join(c.DataDir, "policies")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "demo.yaml"), policies.Demo(), 0o600); err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	return dir, nil
}

// demoAccount makes the login anew at each start, so that it can be printed.
func demoAccount(ctx context.Context, dataDir string) (string, error) {
	all, err := accounts.Open(accounts.Options{Path: node.AccountsFile(dataDir)})
	if err != nil {
		return "", err
	}
	password := os.Getenv("KELISIM_DEMO_PASSWORD")
	if password == "" {
		if password, err = accounts.GeneratePassword(rand.Reader); err != nil {
			return "", err
		}
	}
	if err := all.Remove(ctx, demoUser); err != nil && !errors.Is(err, accounts.ErrUnknown) {
		return "", err
	}
	if err := all.Add(ctx, demoUser, accounts.Marketing, password); err != nil {
		return "", fmt.Errorf("KELISIM_DEMO_PASSWORD: %w", err)
	}
	return password, nil
}

// serveSite serves the demo site until ctx ends.
func serveSite(ctx context.Context, wg *sync.WaitGroup, l net.Listener, collector string, log *slog.Logger) error {
	h, err := demo.Handler(collector, log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("demo: the site ended", "error", err)
		}
	})
	wg.Go(func() {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(last); err != nil {
			log.Debug("demo: the site was closed with requests open", "error", err)
		}
	})
	return nil
}
