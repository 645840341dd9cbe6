package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/goleak"

	"kelisim/storage"
	"kelisim/storage/schema"
	"kelisim/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(storagetest.Main(m)) }

const secret = "planted-secret"

// dsn names the test engine as one of its users.
func dsn(t *testing.T, role schema.Role) string {
	t.Helper()
	access := storagetest.Engine(t).Access()
	who := access.Roles[role]
	return fmt.Sprintf("clickhouse://%s:%s@%s/%s", who.User, who.Password, access.Address, access.Database)
}

func open(t *testing.T, opts storage.Options) (*storage.DB, string, error) {
	t.Helper()
	var log strings.Builder
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	db, err := storage.Open(t.Context(), opts)
	if err == nil {
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return db, log.String(), err
}

func TestOneDSNServesEveryRoleAndSaysSo(t *testing.T) {
	storagetest.DB(t)
	db, log, err := open(t, storage.Options{DSN: dsn(t, schema.RoleMaintenance)})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log, "ONE DATABASE USER FOR SEVERAL ROLES"); n != 1 {
		t.Errorf("%d loud lines, want 1:\n%s", n, log)
	}
	const insert = "INSERT INTO nodes (node, seen_at, watermark) VALUES ('n', now64(3), now64(3))"
	if err := db.Writer().Exec(t.Context(), insert); err != nil {
		t.Errorf("the writer cannot write: %v", err)
	}
	if err := db.Reports().Exec(t.Context(), insert); err == nil {
		t.Error("reports can write")
	}
	var n uint64
	if err := db.Reports().QueryRow(t.Context(), "SELECT count() FROM events_full").Scan(&n); err != nil {
		t.Errorf("reports cannot read: %v", err)
	}
}

func TestRoleDSNs(t *testing.T) {
	storagetest.DB(t)
	dsns := map[schema.Role]string{}
	for _, role := range schema.Roles() {
		dsns[role] = dsn(t, role)
	}
	main := dsns[schema.RoleWriter]
	delete(dsns, schema.RoleWriter) // the main DSN is the writer's
	db, log, err := open(t, storage.Options{DSN: main, RoleDSNs: dsns})
	if err != nil {
		t.Fatal(err)
	}
	if log != "" {
		t.Errorf("log is not empty: %s", log)
	}
	var user string
	if err := db.Rights().QueryRow(t.Context(), "SELECT currentUser()").Scan(&user); err != nil || user != "kelisim_rights" {
		t.Errorf("rights logs in as %q, %v", user, err)
	}
	if err := db.Writer().QueryRow(t.Context(), "SELECT currentUser()").Scan(&user); err != nil || user != "kelisim_writer" {
		t.Errorf("the writer logs in as %q, %v", user, err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesWhatWillNeverWork(t *testing.T) {
	storagetest.DB(t)
	address := storagetest.Engine(t).Access().Address
	good := dsn(t, schema.RoleWriter)
	tests := []struct {
		name string
		opts storage.Options
		want string
	}{
		{"nothing given", storage.Options{}, "neither an embedded engine nor a DSN"},
		{"both given", storage.Options{DSN: good, Engine: storagetest.Engine(t).Access()}, "both an embedded engine and a DSN"},
		{"no DSN at all", storage.Options{DSN: secret}, "clickhouse-dsn: not of the form"},
		{"wrong password", storage.Options{DSN: "clickhouse://kelisim_writer:" + secret + "@" + address + "/kelisim"}, "user or password is wrong at " + address},
		{"wrong user", storage.Options{DSN: "clickhouse://nobody:" + secret + "@" + address + "/kelisim"}, "user or password is wrong at " + address},
		{"wrong database", storage.Options{DSN: strings.TrimSuffix(good, "kelisim") + "elsewhere"}, "database elsewhere does not exist at " + address},
		{
			"one role's DSN", storage.Options{DSN: good, RoleDSNs: map[schema.Role]string{schema.RoleReports: "http://u:" + secret + "@h"}},
			"clickhouse-reports-dsn: a DSN begins with clickhouse://",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, log, err := open(t, test.opts)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error = %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error()+log, secret) {
				t.Errorf("the password is told: %v %s", err, log)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			if storage.Transient(err) {
				t.Error("the error counts as transient")
			}
		})
	}
}

func TestUnreachableServerIsNoError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{address, "no-such-host.invalid:9000"} {
		db, log, err := open(t, storage.Options{DSN: "clickhouse://u:" + secret + "@" + host + "/kelisim"})
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		if !strings.Contains(log, "cannot be reached") || strings.Contains(log, secret) {
			t.Errorf("%s: log = %s", host, log)
		}
		if err := db.Ping(t.Context()); !storage.Transient(err) {
			t.Errorf("%s: ping: %v, want a transient error", host, err)
		}
	}
}

func TestCheckDSN(t *testing.T) {
	tests := []struct {
		name, dsn string
		ok        bool
	}{
		{"full", "clickhouse://u:p@db.example.com:9000/kelisim", true},
		{"no port", "clickhouse://u:p@db.example.com/kelisim", true},
		{"no database", "clickhouse://u:p@db.example.com:9000", true},
		{"v6", "clickhouse://u:p@[::1]:9000/kelisim", true},
		{"several hosts", "clickhouse://u:p@a.example.com:9000,b.example.com:9000/kelisim", true},
		{"tcp", "tcp://u:p@db.example.com:9000/kelisim", true},
		{"empty", "", false},
		{"no scheme", "u:" + secret + "@db.example.com:9000/kelisim", false},
		{"http", "http://u:" + secret + "@db.example.com:8123/kelisim", false},
		{"port too large", "clickhouse://u:" + secret + "@db.example.com:90000/kelisim", false},
		{"port is a word", "clickhouse://u:" + secret + "@db.example.com:native/kelisim", false},
		{"slash in the password", "clickhouse://u:" + secret + "/x@db.example.com:9000/kelisim", false},
		{"hash in the password", "clickhouse://u:" + secret + "#x@db.example.com:9000/kelisim", false},
		{"no host", "clickhouse:///kelisim", false},
		{"control character", "clickhouse://u:" + secret + "\x01@db.example.com:9000", false},
		{"bad option", "clickhouse://u:" + secret + "@db.example.com:9000/kelisim?dial_timeout=" + secret, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := storage.CheckDSN(test.dsn)
			if (err == nil) != test.ok {
				t.Fatalf("error = %v, want ok = %v", err, test.ok)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}

func TestTransient(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"deadline", fmt.Errorf("insert: %w", context.DeadlineExceeded), true},
		{"cancelled by us", context.Canceled, false},
		{"refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		{"broken off", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), true},
		{"unknown name", &net.DNSError{Err: "no such host", IsNotFound: true}, true},
		{"pool is busy", clickhouse.ErrAcquireConnTimeout, true},
		{"too many parts", &clickhouse.Exception{Code: 252}, true},
		{"memory", fmt.Errorf("insert: %w", &clickhouse.Exception{Code: 241}), true},
		{"disk full", &clickhouse.Exception{Code: 243}, true},
		{"authentication", &clickhouse.Exception{Code: 516}, false},
		{"unknown database", &clickhouse.Exception{Code: 81}, false},
		{"unknown table", &clickhouse.Exception{Code: 60}, false},
		{"syntax", &clickhouse.Exception{Code: 62}, false},
		{"denied", &clickhouse.Exception{Code: 497}, false},
		{"anything else", errors.New("what is this"), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := storage.Transient(test.err); got != test.want {
				t.Errorf("Transient(%v) = %v, want %v", test.err, got, test.want)
			}
		})
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	access := storagetest.Engine(t).Access()
	ignore := goleak.IgnoreCurrent()
	db, err := storage.Open(t.Context(), storage.Options{Engine: access})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	goleak.VerifyNone(t, ignore)
}
