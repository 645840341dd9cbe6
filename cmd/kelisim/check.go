package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"kelisim/cmd/kelisim/inspect"
	"kelisim/cmd/kelisim/node"
	"kelisim/consent/policy"
)

// check validates the configuration and every policy, and touches nothing. With
// --url it looks at a live page or collector as well.
func check(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("kelisim check", flag.ContinueOnError)
	explain := flags.Bool("explain", false, "print what each item of each policy permits")
	live := flags.String("url", "", "look at a live page or collector too, as https://www.example.com/")
	c, ok, err := flagsOnly(flags, args, out, errs, nil)
	if err != nil || !ok {
		return err
	}
	if _, err := os.Stat(c.Policies); *live != "" && errors.Is(err, fs.ErrNotExist) {
		return checkURL(ctx, *live, nil, out) // looked at from a machine that is no node
	}
	policies, problems, err := node.LoadPolicies(c.Policies)
	if err != nil {
		return err
	}
	if len(problems) == 0 {
		docs, err := node.Archive(c.DataDir)
		if err != nil {
			return err
		}
		_, problems = policy.NewCatalogue(policies, docs)
	}
	if len(problems) > 0 {
		for _, p := range problems {
			fmt.Fprintln(errs, p)
		}
		fmt.Fprintf(errs, "kelisim: problems found: %d\n", len(problems))
		return errSaid
	}
	for _, p := range policies {
		fmt.Fprintf(out, "%s: edition %d, %s: in order\n", p.Site, p.Issue.Number, p.HashString())
		for _, limit := range p.Limits() {
			fmt.Fprintf(out, "%s: mode %s: %s\n", p.Site, p.Mode, limit)
		}
		if *explain {
			fmt.Fprintln(out, policy.Explain(p))
		}
	}
	if *live != "" {
		return checkURL(ctx, *live, policies, out)
	}
	return nil
}

// checkURL looks at a live page or collector: one line a finding.
func checkURL(ctx context.Context, address string, policies []*policy.Policy, out io.Writer) error {
	bad := 0
	err := inspect.Look(ctx, inspect.Options{URL: address, Policies: policies}, func(f inspect.Finding) {
		verdict := "ok"
		if f.Bad {
			verdict = "bad"
			bad++
		}
		fmt.Fprintf(out, "%-4s  %s: %s\n", verdict, f.What, f.Text)
	})
	if err == nil && bad > 0 {
		return errSaid
	}
	return err
}
