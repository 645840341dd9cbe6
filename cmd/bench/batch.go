package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"kelisim/cmd/kelisim/load"
)

// batches is twenty events a call, beside bare clickhouse-go that inserts rows of
// the same columns into a table of the same kind.
func batches(ctx context.Context, b *bench) error {
	kelisim, err := b.startKelisim(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n## Batches of 20 events, kelisim load, 64 connections\n\n"+
		"| round | bare clickhouse-go rows/s | kelisim: accepted events/s | rows/s visible | ratio |\n|---|---|---|---|---|\n")
	var ratios []float64
	for round := range b.o.rounds {
		base, err := b.bareInsert(ctx)
		if err != nil {
			return err
		}
		r, err := b.play(ctx, kelisim, false, load.Options{Mix: load.MixEvents, Batch: 20, Duration: b.o.seconds + time.Second, Warmup: time.Second})
		if err != nil {
			return err
		}
		ratios = append(ratios, r.RowsPerS/base)
		fmt.Fprintf(b.out, "| %d | %.0f | %.0f | %.0f | %.2f |\n", round+1, base, r.EventsPerS, r.RowsPerS, r.RowsPerS/base)
	}
	fmt.Fprintf(b.out, "\nmiddle ratio: **%.2f**\n", middle(ratios))
	return b.memory(kelisim)
}

// insertRows is how many rows one insert of the baseline carries.
const insertRows = 50_000

// bareInsert inserts for as long as a measurement lasts and returns rows a second.
func (b *bench) bareInsert(ctx context.Context) (float64, error) {
	conn := b.db.Maintenance()
	for _, statement := range []string{"DROP TABLE IF EXISTS bench_bare", "CREATE TABLE bench_bare AS events"} {
		if err := conn.Exec(ctx, statement); err != nil {
			return 0, err
		}
	}
	began, rows := time.Now(), 0
	for time.Since(began) < b.o.seconds {
		if err := b.insertOnce(ctx); err != nil {
			return 0, err
		}
		rows += insertRows
	}
	rate := float64(rows) / time.Since(began).Seconds()
	return rate, conn.Exec(ctx, "DROP TABLE bench_bare")
}

// insertOnce inserts page views: five a session, twelve a consent, two hundred
// pages, the texts that the collector makes of the load program's visitors.
func (b *bench) insertOnce(ctx context.Context) error {
	batch, err := b.db.Maintenance().PrepareBatch(ctx, "INSERT INTO bench_bare (site, time, name, consent_id, number, session_id, seq, visitor, "+
		"path, referrer, utm_source, utm_medium, utm_campaign, utm_content, utm_term, click, source, channel, country, region, city, "+
		"browser, browser_version, os, device, props, engaged_ms, ip, ip_expires_at, expires_at)")
	if err != nil {
		return err
	}
	defer batch.Close()
	now, none := time.Now().UTC(), map[string]string{}
	day := now.Truncate(24 * time.Hour)
	var consent, session uuid.UUID
	browsers := []string{"Chrome", "Safari", "Firefox", "Edge", "Samsung Internet"}
	for i := range insertRows {
		if i%12 == 0 {
			consent = uuid.New()
		}
		if i%5 == 0 {
			session = uuid.New()
		}
		ip := netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: 198, 13: 18, 14: byte(i / 12)})
		err := batch.Append("demo", now.Add(time.Duration(i)*time.Millisecond), "pageview", consent, uint32(1), session, uint32(i%5), true,
			fmt.Sprintf("/catalogue/%d", i%200), "www.google.com", "news", "email", "", "", "", "", "Google", "search", "KZ", "", "",
			browsers[i/12%5], "140", "Windows", "desktop", none, uint32(0), ip, day.AddDate(0, 0, 30), day.AddDate(0, 0, 90))
		if err != nil {
			return err
		}
	}
	return batch.Send()
}
