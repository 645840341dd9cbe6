// Command kelisim asks a site's visitors what they allow, keeps proof of the
// answer, collects only the telemetry that the answer permits, and shows
// marketing aggregates of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"kelisim/cmd/kelisim/config"
	"kelisim/storage/embedded"
)

func main() {
	if embedded.IsChild() {
		os.Exit(embedded.RunChild())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once; the spool has what was acknowledged
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command is one word after kelisim.
type command struct {
	name, does string
	run        func(ctx context.Context, args []string, out, errs io.Writer) error
}

func commands() []command {
	return []command{
		{"serve", "run the collector and the dashboard", serve},
		{"demo", "serve with a demo site, its policy and, if wanted, visitors", runDemo},
		{"check", "validate the configuration and every policy", check},
		{"migrate", "create or upgrade the schema", migrate},
		{"audit", "prove the laws of the system on the live database", runAudit},
		{"user", "add, list or remove accounts of the dashboard", user},
		{"key", "list, rotate or prune the keys that sign tokens", key},
		{"load", "play visitors against a running collector and compare with the database", runLoad},
		{"doctor", "say what is wrong with this installation; doctor ip: whose address a request has", doctor},
		{"version", "print the version", version},
	}
}

// errSaid ends a command with exit code 1 after it has said why itself.
var errSaid = errors.New("said already")

// run finds the command; every error is one line and exit code 1.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(out)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], out, errs)
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case !errors.Is(err, errSaid):
			fmt.Fprintln(errs, "kelisim: "+err.Error())
		}
		return 1
	}
	fmt.Fprintf(errs, "kelisim: there is no command %q; kelisim help lists them\n", args[0])
	return 2
}

func usage(w io.Writer) {
	fmt.Fprint(w, "kelisim: consent first, then telemetry\n\nusage: kelisim COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.does)
	}
	fmt.Fprint(w, "\nkelisim COMMAND --help lists the flags of a command.\n")
}

// settings reads the configuration of a command; ok is false when it only had to
// be printed.
func settings(flags *flag.FlagSet, args []string, out, errs io.Writer, defaults map[string]string) (c *config.Config, rest []string, ok bool, err error) {
	flags.SetOutput(errs)
	c, printed, rest, err := config.Load(flags, args, os.Environ(), defaults)
	if err != nil {
		return nil, nil, false, err
	}
	if printed {
		return c, rest, false, c.Print(out)
	}
	return c, rest, true, nil
}

// flagsOnly reads the configuration of a command that takes nothing but flags. A word
// among them is refused: what follows it would be ignored, settings included.
func flagsOnly(flags *flag.FlagSet, args []string, out, errs io.Writer, defaults map[string]string) (c *config.Config, ok bool, err error) {
	c, rest, ok, err := settings(flags, args, out, errs, defaults)
	if err == nil && len(rest) > 0 {
		return nil, false, fmt.Errorf("%q is no flag, and nothing but flags is taken; %s --help lists them", rest[0], flags.Name())
	}
	return c, ok, err
}

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
