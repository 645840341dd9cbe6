package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"kelisim/cmd/kelisim/config"
	"kelisim/storage/fill"
	"kelisim/storage/schema"
)

// fillSite puts events into the database of a test site, which the database makes
// itself: for tests of what is large.
func fillSite(ctx context.Context, c *config.Config, o fill.Options, out, errs io.Writer) (err error) {
	db, closeDB, err := database(ctx, c, logger(errs))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDB()) }()
	if _, err := schema.Migrate(ctx, db.Maintenance(), schema.Options{}); err != nil {
		return err
	}
	began := time.Now()
	o.Now = began
	o.Progress = func(p fill.Progress) {
		fmt.Fprintf(errs, "\r%d of %d days, about %d events", p.Days, p.OfDays, p.Events)
	}
	if err := fill.Fill(ctx, db.Maintenance(), o); err != nil {
		return err
	}
	spent := time.Since(began).Seconds()
	fmt.Fprintf(out, "\nabout %d events in %.1f s: %.0f a second\n", o.Events, spent, float64(o.Events)/spent)
	return nil
}
