package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"kelisim/storage"
)

func TestQuietMasksWhatClickHouseQuotes(t *testing.T) {
	var log bytes.Buffer
	logger := storage.Quiet(slog.New(slog.NewTextHandler(&log, nil)))
	const id = "1c72bccb-d4fa-462a-aee1-f3fed8e2edb9"
	err := fmt.Errorf("writer: insert: %w", &clickhouse.Exception{
		Code: 469, Message: "Constraint `c` is violated at row 1. Column values: consent_id = '" + id + "', path = '/secret' (in query: INSERT secret)",
	})
	logger.Warn("a", "error", err, "in", "1s")
	logger.With("error", err).WithGroup("g").Info("b", slog.Group("h", "error", errors.Join(err)))
	got := log.String()
	if strings.Contains(got, "secret") || strings.Contains(got, id) {
		t.Errorf("the log quotes a row: %s", got)
	}
	if n := strings.Count(got, "writer: insert: code: 469, message: Constraint"); n != 3 || !strings.Contains(got, "in=1s") {
		t.Errorf("the log does not say what went wrong: %s", got)
	}
	log.Reset()
	logger.Error("c", "error", errors.New(`open "file": refused`))
	if !strings.Contains(log.String(), "refused") {
		t.Errorf("another error is masked: %s", log.String())
	}
}
