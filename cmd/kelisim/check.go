package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"kelisim/cmd/kelisim/node"
	"kelisim/consent/policy"
)

// check validates the configuration and every policy, and touches nothing.
func check(_ context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("kelisim check", flag.ContinueOnError)
	explain := flags.Bool("explain", false, "print what each item of each policy permits")
	c, _, ok, err := settings(flags, args, out, errs, nil)
	if err != nil || !ok {
		return err
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
		fmt.Fprintf(errs, "kelisim: %d problems\n", len(problems))
		return errSaid
	}
	for _, p := range policies {
		fmt.Fprintf(out, "%s: edition %d, %s: in order\n", p.Site, p.Issue.Number, p.HashString())
		if *explain {
			fmt.Fprintln(out, policy.Explain(p))
		}
	}
	return nil
}
