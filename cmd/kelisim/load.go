package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/load"
	"kelisim/cmd/kelisim/node"
	"kelisim/consent/policy"
	"kelisim/storage/fill"
	"kelisim/storage/readback"
)

// loadFlags are the flags of kelisim load beside the settings.
type loadFlags struct {
	site, url, origin string
	mix               string
	machine, noCheck  bool
	o                 load.Options
	shares            load.Shares
	file              string
	workers           int
	insist            bool
	fill              fill.Options
}

func (l *loadFlags) register(f *flag.FlagSet) {
	usual := load.Usual()
	f.StringVar(&l.site, "site", "demo", "site to play on; its policy must say test: true")
	f.StringVar(&l.url, "url", "", "address of the collector; default http://<listen>")
	f.StringVar(&l.origin, "origin", "http://localhost", "origin of the site's pages")
	f.StringVar(&l.mix, "mix", string(load.MixAll), "what is measured: events (consents are given before), decisions, or all")
	f.DurationVar(&l.o.Duration, "duration", 10*time.Second, "how long to play, warm-up included")
	f.DurationVar(&l.o.Warmup, "warmup", time.Second, "first part of the duration, which no figure of time counts")
	f.Float64Var(&l.o.Rate, "rate", 0, "calls a second at times fixed beforehand (open loop); 0 sends as fast as answers come (closed loop)")
	f.IntVar(&l.o.Connections, "connections", 64, "connections side by side")
	f.IntVar(&l.o.Visitors, "visitors", 2000, "visitors who are on the site at the same time")
	f.IntVar(&l.o.Batch, "batch", 1, "events a call")
	f.BoolVar(&l.o.Prepare, "prepare", false, "give the first consents before the measured part")
	f.BoolVar(&l.o.Plain, "plain", false, "play against a bare handler that answers 204 to everything; nothing is compared")
	f.Uint64Var(&l.o.Seed, "seed", 1, "all that is random comes from it")
	f.DurationVar(&l.o.Patience, "patience", time.Minute, "how long a call is repeated while there is no answer")
	f.DurationVar(&l.o.Settle, "settle", time.Minute, "how long rows may take to appear")
	f.BoolVar(&l.noCheck, "no-check", false, "do not compare with the database")
	f.BoolVar(&l.machine, "json", false, "print the report as JSON")
	f.Float64Var(&l.shares.NoConsent, "no-consent", 0, "share of the visitors who send events without consent, as no honest page does")
	f.Float64Var(&l.shares.Crawler, "crawlers", usual.Crawler, "share of the visitors who are crawlers; 0 with --mix events unless it is said")
	f.Float64Var(&l.shares.Ignored, "ignored", usual.Ignored, "share of the banners that are ignored")
	f.Float64Var(&l.shares.Refused, "refused", usual.Refused, "share of the banners that are refused")
	f.Float64Var(&l.shares.Custom, "custom", usual.Custom, "share of the banners that are accepted in part")
	f.Float64Var(&l.shares.Changed, "changed", usual.Changed, "share of the consenting who change their choice between two visits")
	f.Float64Var(&l.shares.Withdrawn, "withdrawn", usual.Withdrawn, "share of the consenting who withdraw at the end")
	f.StringVar(&l.file, "from-access-log", "", "play this access log in the combined format instead")
	f.IntVar(&l.workers, "workers", 8, "with --from-access-log: visitors that are played side by side")
	f.BoolVar(&l.insist, "insist", false, "with --from-access-log: visitors who refuse send their page views all the same, to show that they are dropped")
}

// registerFill adds the flags that make a database instead of playing.
func (l *loadFlags) registerFill(f *flag.FlagSet) {
	f.Uint64Var(&l.fill.Events, "fill", 0, "put about so many events into the database instead, which the database makes itself")
	f.IntVar(&l.fill.Days, "days", 30, "days that --fill spreads them over, the last being yesterday")
}

// runLoad plays visitors, and compares what was acknowledged with the database.
func runLoad(ctx context.Context, args []string, out, errs io.Writer) error {
	var l loadFlags
	flags := flag.NewFlagSet("kelisim load", flag.ContinueOnError)
	l.register(flags)
	l.registerFill(flags)
	c, ok, err := flagsOnly(flags, args, out, errs, nil)
	if err != nil || !ok {
		return err
	}
	p, err := testSite(c.Policies, l.site)
	if err != nil {
		return err
	}
	if l.fill.Events > 0 {
		l.fill.Seed, l.fill.Policy = l.o.Seed, p
		return fillSite(ctx, c, l.fill, out, errs)
	}
	if l.url == "" {
		l.url = "http://" + c.Listen
	}
	if l.file != "" {
		return playAccessLog(ctx, l, out)
	}
	said := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { said[f.Name] = true })
	if l.mix == string(load.MixEvents) && !said["crawlers"] {
		l.shares.Crawler = 0
	}
	l.o.URL, l.o.Origin, l.o.Policy, l.o.Mix, l.o.Shares = l.url, l.origin, p, load.Mix(l.mix), l.shares
	l.o.Progress = progressLine(errs)
	return playVisitors(ctx, c, l, out, errs)
}

// playVisitors runs the generator and prints its report.
func playVisitors(ctx context.Context, c *config.Config, l loadFlags, out, errs io.Writer) (err error) {
	if !l.noCheck && !l.o.Plain {
		db, closeDB, failed := database(ctx, c, logger(errs))
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, closeDB()) }()
		if l.o.Stored, err = readback.New(db.Maintenance()); err != nil {
			return err
		}
	}
	report, err := load.Run(ctx, l.o)
	if err != nil {
		return err
	}
	if l.machine {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		err = report.Print(out)
	}
	if err == nil && report.Broken() {
		err = errSaid
	}
	return err
}

// progressLine writes a line each second where somebody looks at it.
func progressLine(errs io.Writer) func(load.Progress) {
	f, ok := errs.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	last := load.Progress{}
	return func(p load.Progress) {
		fmt.Fprintf(f, "load: %3.0f s  %8d calls answered (%d in the last second), %d events accepted\n",
			p.Since.Seconds(), p.Answers, p.Answers-last.Answers, p.Accepted)
		last = p
	}
}

// testSite refuses a site whose figures are real.
func testSite(dir, id string) (*policy.Policy, error) {
	policies, problems, err := node.LoadPolicies(dir)
	if err != nil || len(problems) > 0 {
		return nil, errors.Join(err, problems.Err())
	}
	for _, p := range policies {
		if p.Site == id && p.Test {
			return p, nil
		}
		if p.Site == id {
			return nil, fmt.Errorf("load: site %s is not marked as a test site: its policy must say test: true", id)
		}
	}
	return nil, fmt.Errorf("load: no policy in %s is for the site %s", dir, id)
}
