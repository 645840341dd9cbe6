// Package storagetest gives tests a real, empty, migrated database.
//
// A test binary that uses it has one engine of its own, started with the first
// test that asks and stopped after the last. Its TestMain is:
//
//	func TestMain(m *testing.M) { os.Exit(storagetest.Main(m)) }
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/storage"
	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

const timeout = 30 * time.Second

// shared is the one engine of a test binary. Package-level state is right here
// alone: a test binary has no other place that all its tests share.
var shared struct {
	mu     sync.Mutex // guards the fields
	main   bool       // Main runs
	dir    string
	engine *embedded.Engine

	database sync.Mutex // held by the test that has the database
	holder   string     // its name; guarded by mu
}

// Main is TestMain's body: it becomes the engine when this process is the
// engine's child, else it runs the tests and stops the engine. The result is
// the exit code.
func Main(m *testing.M) int {
	if embedded.IsChild() {
		return embedded.RunChild()
	}
	shared.mu.Lock()
	shared.main = true
	shared.mu.Unlock()
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "storagetest:", err)
		return 1
	}
	return code
}

func stop() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.engine == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := shared.engine.Stop(ctx)
	shared.engine = nil
	return errors.Join(err, os.RemoveAll(shared.dir))
}

// Options change what DB gives.
type Options struct {
	// Uncompressed stores columns as they are, so that a test can search the
	// table's files for bytes.
	Uncompressed bool
	// OldPartsLifetime is how long replaced parts stay on the disk. Default: as
	// the schema says.
	OldPartsLifetime time.Duration
	// Empty leaves the migrations to the test.
	Empty bool
	// Logger is the database's. Default: discarded.
	Logger *slog.Logger
}

// Engine returns the engine of this test binary.
func Engine(t testing.TB) *embedded.Engine {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.main {
		t.Fatal("storagetest: TestMain must call storagetest.Main")
	}
	if shared.engine != nil {
		return shared.engine
	}
	dir, err := os.MkdirTemp("", "kelisim-test-")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	engine, err := embedded.Start(ctx, embedded.Options{
		DataDir: dir,
		Library: os.Getenv(embedded.LibraryVariable),
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Admin:   true,
	})
	if err != nil {
		t.Fatal(errors.Join(err, os.RemoveAll(dir)))
	}
	shared.dir, shared.engine = dir, engine
	return engine
}

// DataDir is the data folder of this test binary's engine.
func DataDir(t testing.TB) string {
	t.Helper()
	Engine(t)
	return shared.dir
}

// DB returns an empty, migrated database until the test ends. All tests of a
// binary share one engine and one database name, because the users' rights name
// it, so tests that ask at the same time wait for one another.
func DB(t testing.TB) *storage.DB {
	t.Helper()
	return DBWith(t, Options{})
}

// DBWith is DB with options.
func DBWith(t testing.TB, opts Options) *storage.DB {
	t.Helper()
	engine := Engine(t)
	take(t)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := empty(ctx, engine.Access()); err != nil {
		t.Fatal(err)
	}
	db := Open(t, opts.Logger)
	if opts.Empty {
		return db
	}
	_, err := schema.Migrate(ctx, db.Maintenance(), schema.Options{
		Uncompressed: opts.Uncompressed, OldPartsLifetime: opts.OldPartsLifetime,
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// Open opens the database once more, as another node would.
func Open(t testing.TB, logger *slog.Logger) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{Engine: Engine(t).Access(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Admin returns a connection with every right, to look where no role may.
func Admin(t testing.TB) driver.Conn {
	t.Helper()
	access := Engine(t).Access()
	conn, err := access.Connect(*access.Admin, schema.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// take waits for the database and gives it back when the test ends.
func take(t testing.TB) {
	t.Helper()
	shared.mu.Lock()
	holder := shared.holder
	shared.mu.Unlock()
	if holder != "" && (holder == t.Name() || strings.HasPrefix(t.Name(), holder+"/")) {
		t.Fatalf("storagetest: %s has the database already: hand it down, or use Open", holder)
	}
	shared.database.Lock()
	setHolder(t.Name())
	t.Cleanup(func() {
		setHolder("")
		shared.database.Unlock()
	})
}

func setHolder(name string) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.holder = name
}

// empty makes the database new.
func empty(ctx context.Context, access *embedded.Access) error {
	conn, err := access.Connect(*access.Admin, "default")
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + access.Database + " SYNC",
		"CREATE DATABASE " + access.Database,
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("storagetest: %s: %w", statement, err)
		}
	}
	return nil
}
