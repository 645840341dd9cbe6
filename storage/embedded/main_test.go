package embedded_test

import (
	"context"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

// parentVariable makes the test binary a parent that starts an engine in the
// folder the variable names and then waits to be killed.
const parentVariable = "KELISIM_TEST_PARENT"

func TestMain(m *testing.M) {
	if embedded.IsChild() {
		os.Exit(embedded.RunChild())
	}
	if dir := os.Getenv(parentVariable); dir != "" {
		os.Exit(parent(dir))
	}
	goleak.VerifyTestMain(m)
}

func parent(dir string) int {
	_, err := embedded.Start(context.Background(), embedded.Options{
		DataDir: dir, Library: os.Getenv(embedded.LibraryVariable), Admin: true,
	})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	os.Stdout.WriteString("ready\n")
	time.Sleep(time.Minute)
	return 0
}

// start runs an engine for one test.
func start(t *testing.T, opts embedded.Options) *embedded.Engine {
	t.Helper()
	if opts.DataDir == "" {
		opts.DataDir = t.TempDir()
	}
	opts.Library = os.Getenv(embedded.LibraryVariable)
	opts.Admin = true
	engine, err := embedded.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := engine.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// run runs statements as the user with every right.
func run(t *testing.T, access *embedded.Access, statements ...string) {
	t.Helper()
	conn, err := access.Connect(*access.Admin, schema.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range statements {
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// number reads one number as the user with every right.
func number(t *testing.T, access *embedded.Access, query string) uint64 {
	t.Helper()
	conn, err := access.Connect(*access.Admin, schema.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var n uint64
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
