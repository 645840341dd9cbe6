package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"kelisim/storage/audit"
)

// runAudit proves the laws of the system on the live database. Progress goes to
// standard error, what was found to standard output.
func runAudit(ctx context.Context, args []string, out, errs io.Writer) (err error) {
	flags := flag.NewFlagSet("kelisim audit", flag.ContinueOnError)
	machine := flags.Bool("json", false, "print what was found as JSON")
	c, ok, err := flagsOnly(flags, args, out, errs, nil)
	if err != nil || !ok {
		return err
	}
	db, closeDB, err := database(ctx, c, logger(errs))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDB()) }()
	report, err := audit.Run(ctx, audit.Options{
		Conn: db.Maintenance(), Rights: db.Rights(), Reports: db.Reports(), Progress: progress(errs),
	})
	if err != nil {
		return err
	}
	if *machine {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		err = printAudit(out, report)
	}
	if err == nil && len(report.Violated()) > 0 {
		err = errSaid
	}
	return err
}

// progress says on a line of its own which step begins.
func progress(w io.Writer) func(audit.Step) {
	return func(s audit.Step) {
		if s.Total == 0 {
			fmt.Fprintf(w, "audit: %s\n", s.Name)
			return
		}
		fmt.Fprintf(w, "audit: %s; %d of %d rows are judged\n", s.Name, s.Rows, s.Total)
	}
}

// printAudit writes what was found for a person to read.
func printAudit(w io.Writer, r *audit.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "judged %d events, %d decisions and %d addresses in %.1f s, as of %s\n",
		r.Judged, r.Decisions, r.Addresses, time.Duration(r.Took).Seconds(), r.Began.Format(time.RFC3339))
	fmt.Fprintf(&b, "up to %s every node that lives (%d) has written what it accepted", r.Until.Format(time.RFC3339), r.Alive)
	if r.Young > 0 {
		fmt.Fprintf(&b, "; %d younger rows wait for their decision and are not judged", r.Young)
	}
	if r.Silent > 0 {
		fmt.Fprintf(&b, "\n%d nodes have been silent for more than five minutes; what waits in their spools is not known", r.Silent)
	}
	b.WriteString("\n\n")
	violated := r.Violated()
	for _, rule := range violated {
		fmt.Fprintf(&b, "%s: %s (law %d): %d\n", rule.ID, rule.Says, rule.Law, rule.Count)
		for _, e := range rule.Examples {
			fmt.Fprintf(&b, "    %s\n", e)
		}
	}
	if len(violated) == 0 {
		fmt.Fprintf(&b, "nothing is violated: %d rules hold\n", len(r.Rules))
	} else {
		fmt.Fprintf(&b, "\n%d of %d rules are violated\n", len(violated), len(r.Rules))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
