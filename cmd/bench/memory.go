package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"kelisim/cmd/kelisim/load"
)

const million = 1_000_000

// memory is what the collector holds at the highest rate while it knows of a
// million consents that were withdrawn.
func memory(ctx context.Context, b *bench) error {
	p, err := b.startKelisim(ctx)
	if err != nil {
		return err
	}
	err = b.db.Maintenance().Exec(ctx, fmt.Sprintf(`
		INSERT INTO revocations (site, consent_id, number, lowest, time, node, node_seq, expires_at, recorded_at)
		SELECT 'demo', generateUUIDv4(number), 2, 4294967295, now64(3), 'bench', number,
			toStartOfMonth(now()) + INTERVAL 2 + number %% 6 MONTH, now64(3) FROM numbers(%d)
		SETTINGS max_partitions_per_insert_block = 0`, million))
	if err != nil {
		return fmt.Errorf("withdraw a million consents: %w", err)
	}
	var known float64
	if err := until(ctx, time.Minute, func() bool {
		known, err = gauge(ctx, p.admin, "kelisim_revocations")
		return err == nil && known >= million
	}); err != nil {
		return fmt.Errorf("the collector does not follow the withdrawals: %w", err)
	}
	r, err := b.play(ctx, p, false, load.Options{Mix: load.MixEvents, Duration: b.o.seconds + time.Second, Warmup: time.Second})
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\n## Memory with %.0f withdrawn consents, %.0f calls a second\n", known, r.PerSecond)
	return b.memory(p)
}

// gauge reads one figure of the metrics.
func gauge(ctx context.Context, admin, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("%s/metrics says nothing of %s", admin, name)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
