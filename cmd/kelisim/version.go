package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime/debug"

	"kelisim/storage"
	"kelisim/storage/embedded"
)

// version prints what this program is and which ClickHouse it uses now.
func version(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("kelisim version", flag.ContinueOnError)
	c, ok, err := flagsOnly(flags, args, out, errs, nil)
	if err != nil || !ok {
		return err
	}
	number, commit := "unknown", "unknown"
	if b, ok := debug.ReadBuildInfo(); ok {
		number = b.Main.Version
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	fmt.Fprintf(out, "kelisim %s, commit %s\n", number, commit)
	o := storage.Options{DSN: c.ClickHouseDSN}
	if c.ClickHouseDSN == "" {
		access, err := embedded.Attach(ctx, c.DataDir)
		if errors.Is(err, embedded.ErrNotRunning) {
			fmt.Fprintln(out, "clickhouse: embedded, not running")
			return nil
		} else if err != nil {
			return err
		}
		o.Engine = access
	}
	db, err := storage.Open(ctx, o)
	if err != nil {
		return err
	}
	defer db.Close()
	v, err := db.Writer().ServerVersion()
	if err != nil {
		fmt.Fprintln(out, "clickhouse: cannot be reached")
		return nil
	}
	fmt.Fprintf(out, "clickhouse: %d.%d.%d\n", v.Version.Major, v.Version.Minor, v.Version.Patch)
	return nil
}
