package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/storage/schema"
)

const (
	accessFile  = "engine.json"
	pingTimeout = 3 * time.Second
)

// ErrNotRunning says that no engine answers for a data folder.
var ErrNotRunning = errors.New("no engine is running for this data folder")

// Credentials name one database user.
type Credentials struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// LogValue keeps the password out of logs.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.User) }

// Access is what another part of the program, or another command, needs to
// reach a running engine.
type Access struct {
	Address   string                      `json:"address"` // loopback host and port of the native protocol
	Database  string                      `json:"database"`
	PID       int                         `json:"pid"`        // the process that owns the engine
	EnginePID int                         `json:"engine_pid"` // the engine itself
	Roles     map[schema.Role]Credentials `json:"roles"`
	// Admin is set only for tests that asked for it.
	Admin *Credentials `json:"admin,omitempty"`
}

// LogValue keeps the passwords out of logs.
func (a *Access) LogValue() slog.Value { return slog.StringValue(a.Address) }

// Attach finds the engine that another process runs for a data folder. The
// error wraps ErrNotRunning when none does, also when a process that was killed
// left its engine.json behind.
func Attach(ctx context.Context, dataDir string) (*Access, error) {
	f, err := filesOf(dataDir)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(f.access)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("embedded: attach: %w", ErrNotRunning)
	}
	if err != nil {
		return nil, fmt.Errorf("embedded: attach: %w", err)
	}
	var access Access
	if err := json.Unmarshal(text, &access); err != nil {
		return nil, fmt.Errorf("embedded: attach: %s: %w", accessFile, err)
	}
	if err := access.ping(ctx); err != nil {
		return nil, fmt.Errorf("embedded: attach: %s is stale, process %d left it: %w", accessFile, access.PID, ErrNotRunning)
	}
	return &access, nil
}

// Connect opens a pool for one user and database. Nothing is dialled yet.
func (a *Access) Connect(who Credentials, database string) (driver.Conn, error) {
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr:         []string{a.Address},
		Auth:         clickhouse.Auth{Database: database, Username: who.User, Password: who.Password},
		DialTimeout:  pingTimeout,
		MaxOpenConns: 2,
		MaxIdleConns: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded: connect: %w", err)
	}
	return conn, nil
}

// ping asks the engine for a login and an answer.
func (a *Access) ping(ctx context.Context) error {
	conn, err := a.Connect(a.Roles[schema.RoleMaintenance], "default")
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return conn.Ping(ctx)
}

// save writes engine.json so that no reader ever sees half of it.
func (a *Access) save(path string) error {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("embedded: %s: %w", accessFile, err)
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("embedded: write %s: %w", accessFile, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("embedded: write %s: %w", accessFile, err)
	}
	return nil
}
