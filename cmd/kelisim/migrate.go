package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/node"
	"kelisim/storage"
	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

// migrate creates or upgrades the schema.
func migrate(ctx context.Context, args []string, out, errs io.Writer) (err error) {
	flags := flag.NewFlagSet("kelisim migrate", flag.ContinueOnError)
	c, ok, err := flagsOnly(flags, args, out, errs, nil)
	if err != nil || !ok {
		return err
	}
	db, closeDB, err := database(ctx, c, logger(errs))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDB()) }()
	applied, err := schema.Migrate(ctx, db.Maintenance(), schema.Options{})
	if err != nil {
		return err
	}
	for _, name := range applied {
		fmt.Fprintln(out, "applied", name)
	}
	fmt.Fprintf(out, "the schema is up to date; %d migrations applied\n", len(applied))
	return nil
}

// database opens the database of a command: the server of the DSN, the engine of
// a running serve, or an engine of its own.
func database(ctx context.Context, c *config.Config, log *slog.Logger) (*storage.DB, func() error, error) {
	o := storage.Options{DSN: c.ClickHouseDSN, RoleDSNs: node.RoleDSNs(c), Logger: log}
	stopEngine := func() error { return nil }
	if c.ClickHouseDSN == "" {
		access, err := embedded.Attach(ctx, c.DataDir)
		if errors.Is(err, embedded.ErrNotRunning) {
			engine, err := embedded.Start(ctx, embedded.Options{DataDir: c.DataDir, Library: c.ChDBLib, LowMemory: c.LowMemory, Logger: log})
			if err != nil {
				return nil, nil, err
			}
			access = engine.Access()
			stopEngine = func() error {
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
				defer cancel()
				return engine.Stop(last)
			}
		} else if err != nil {
			return nil, nil, err
		}
		o.Engine = access
	}
	db, err := storage.Open(ctx, o)
	if err != nil {
		return nil, nil, errors.Join(err, stopEngine())
	}
	return db, func() error { return errors.Join(db.Close(), stopEngine()) }, nil
}
