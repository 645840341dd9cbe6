package schema

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

var (
	migrationName = regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)\.sql$`)
	codecClause   = regexp.MustCompile(`CODEC\((?:[^()]|\([^()]*\))*\)`)
	oldPartsValue = regexp.MustCompile(`old_parts_lifetime = \d+`)
	cleanupValue  = regexp.MustCompile(`(cleanup_delay_period|cleanup_delay_period_random_add) = \d+`)
)

// ErrNewer says that the database was made by a newer version of the program.
var ErrNewer = errors.New("the database was made by a newer version of kelisim")

// collisions are ClickHouse's answers when two nodes make the same thing at once:
// one of them has to look again.
const (
	codeTableExists     = 57
	codeUnknownTable    = 60
	codeDatabaseExists  = 82
	codeQueryInProgress = 236
	migrateTries        = 5
	migratePause        = 100 * time.Millisecond
)

// Migration is one numbered step of the schema.
type Migration struct {
	Version int
	Name    string // file name
	Text    string
	Hash    string // SHA-256 of the text, hex
}

// Options say how migrations are applied.
type Options struct {
	// Logger is told of every migration applied. Default: discarded.
	Logger *slog.Logger
	// Uncompressed stores every column as it is, so that bytes can be searched
	// for in the table's files. Only tests set it.
	Uncompressed bool
	// OldPartsLifetime is how long replaced parts stay on the disk, in whole
	// seconds, and how often the engine looks for such parts. Default: as the migrations say.
	OldPartsLifetime time.Duration
}

// Migrations lists every step in order. The numbers have no need to be
// consecutive.
func Migrations() ([]Migration, error) {
	entries, err := fs.ReadDir(migrationFiles, "migrations") // sorted by name
	if err != nil {
		return nil, fmt.Errorf("schema: migrations: %w", err)
	}
	var all []Migration
	for _, entry := range entries {
		name := entry.Name()
		match := migrationName.FindStringSubmatch(name)
		if match == nil {
			return nil, fmt.Errorf("schema: migration %s is not named NNNN_name.sql", name)
		}
		version, err := strconv.Atoi(match[1])
		if err != nil {
			return nil, fmt.Errorf("schema: migration %s: %w", name, err)
		}
		if n := len(all); n > 0 && all[n-1].Version == version {
			return nil, fmt.Errorf("schema: migrations %s and %s have one number", all[n-1].Name, name)
		}
		text, err := fs.ReadFile(migrationFiles, "migrations/"+name)
		if err != nil {
			return nil, fmt.Errorf("schema: migration %s: %w", name, err)
		}
		sum := sha256.Sum256(text)
		all = append(all, Migration{Version: version, Name: name, Text: string(text), Hash: hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// Migrate brings the database of conn to the newest schema and returns the
// names of the migrations it applied. Every statement may run twice, so two
// nodes may migrate at once and a broken attempt is simply repeated.
func Migrate(ctx context.Context, conn driver.Conn, opts Options) ([]string, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if err := execute(ctx, conn, migrationsTable); err != nil {
		return nil, fmt.Errorf("schema: migrate: %w", err)
	}
	pending, err := Pending(ctx, conn)
	if err != nil {
		return nil, err
	}
	var applied []string
	for _, m := range pending {
		if err := apply(ctx, conn, m, opts); err != nil {
			return applied, fmt.Errorf("schema: migration %s: %w", m.Name, err)
		}
		opts.Logger.Info("schema: migration applied", "migration", m.Name)
		applied = append(applied, m.Name)
	}
	return applied, nil
}

const migrationsTable = `CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32 COMMENT 'number of the migration [none]' CODEC(ZSTD(1)),
    name String COMMENT 'file name of the migration [none]' CODEC(ZSTD(1)),
    hash String COMMENT 'SHA-256 of its text, hex [none]' CODEC(ZSTD(1)),
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when it was applied [none]' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version`

// Pending lists the migrations that the database of conn still lacks. The error
// wraps ErrNewer when the database knows one that this program does not, and
// names a migration whose text was changed after it had been applied.
func Pending(ctx context.Context, conn driver.Conn) ([]Migration, error) {
	all, err := Migrations()
	if err != nil {
		return nil, err
	}
	applied, err := appliedHashes(ctx, conn)
	if err != nil {
		return nil, err
	}
	var pending []Migration
	for _, m := range all {
		hash, done := applied[m.Version]
		delete(applied, m.Version)
		switch {
		case !done:
			pending = append(pending, m)
		case hash != m.Hash:
			return nil, fmt.Errorf("schema: migration %s was changed after it had been applied", m.Name)
		}
	}
	for version := range applied {
		return nil, fmt.Errorf("schema: migration %04d is unknown: %w", version, ErrNewer)
	}
	return pending, nil
}

func appliedHashes(ctx context.Context, conn driver.Conn) (map[int]string, error) {
	hashes := map[int]string{}
	rows, err := conn.Query(ctx, "SELECT version, hash FROM schema_migrations FINAL")
	if isCode(err, codeUnknownTable) {
		return hashes, nil
	}
	if err != nil {
		return nil, fmt.Errorf("schema: read migrations: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			version uint32
			hash    string
		)
		if err := rows.Scan(&version, &hash); err != nil {
			return nil, fmt.Errorf("schema: read migrations: %w", err)
		}
		hashes[int(version)] = hash
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: read migrations: %w", err)
	}
	return hashes, nil
}

func apply(ctx context.Context, conn driver.Conn, m Migration, opts Options) error {
	for i, statement := range Split(m.Text) {
		if opts.Uncompressed {
			statement = codecClause.ReplaceAllString(statement, "CODEC(NONE)")
		}
		if opts.OldPartsLifetime > 0 {
			seconds := int(opts.OldPartsLifetime / time.Second)
			statement = oldPartsValue.ReplaceAllString(statement, "old_parts_lifetime = "+strconv.Itoa(seconds))
			statement = cleanupValue.ReplaceAllString(statement, "$1 = "+strconv.Itoa(max(seconds, 1)))
		}
		if err := execute(ctx, conn, statement); err != nil {
			return fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	if err := conn.Exec(ctx, "INSERT INTO schema_migrations (version, name, hash) VALUES (?, ?, ?)",
		uint32(m.Version), m.Name, m.Hash); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// execute runs one statement, again when another node was just running the same.
func execute(ctx context.Context, conn driver.Conn, statement string) error {
	var err error
	for range migrateTries {
		err = conn.Exec(ctx, statement)
		if !isCode(err, codeTableExists, codeDatabaseExists, codeQueryInProgress) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(migratePause):
		}
	}
	return err
}

func isCode(err error, codes ...int32) bool {
	var exception *clickhouse.Exception
	if !errors.As(err, &exception) {
		return false
	}
	for _, code := range codes {
		if exception.Code == code {
			return true
		}
	}
	return false
}
