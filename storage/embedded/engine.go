package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"kelisim/storage/datadir"
	"kelisim/storage/schema"
)

const (
	loopback = "127.0.0.1"
	// Ports are taken from below the range that outgoing connections use, so that
	// the port is still free when a crashed engine comes back to it.
	firstPort, portCount = 20000, 10000
	portTries            = 50
	passwordBytes        = 24
	startTimeout         = 30 * time.Second
)

// Options say how an engine runs.
type Options struct {
	// DataDir is the data folder; the engine's files lie below it. Required.
	DataDir string
	// Library is the path of libchdb.so; "" looks for it, see FindLibrary.
	Library string
	// LowMemory trades speed for memory.
	LowMemory bool
	// Logger receives the engine's warnings and errors, without anything a
	// person sent. Default: discarded.
	Logger *slog.Logger
	// Lock is the data folder's lock when the caller holds it already; it stays
	// the caller's. Default: Start takes it and Stop gives it back.
	Lock *datadir.Lock
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Random gives the port and the passwords. Default: crypto/rand.
	Random io.Reader

	// Admin adds a user with every right (Access.Admin). Only tests set it.
	Admin bool
	// ServerConfig is one more configuration file, as XML. Only tests set it.
	ServerConfig string
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o
}

func (o Options) validate() error {
	if o.DataDir == "" {
		return errors.New("embedded: options: DataDir is empty")
	}
	return nil
}

// Engine is a running ClickHouse of this process. Stop ends it.
type Engine struct {
	opts      Options
	files     files
	ownLock   *datadir.Lock // nil when the caller holds the lock
	library   string
	port      string
	passwords []string // environment of the child

	mu     sync.Mutex
	access Access
	child  *child // nil while none runs

	stop     chan struct{} // closed by Stop
	stopped  chan struct{} // closed when the supervisor has ended
	stopOnce sync.Once
}

// Start brings up the engine and returns when it answers. The error is a
// *datadir.HeldError when another process has the data folder, and wraps
// ErrNoLibrary when there is no library.
func Start(ctx context.Context, opts Options) (*Engine, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	library, err := FindLibrary(opts.Library)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		opts: opts, library: library,
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if e.files, err = filesOf(opts.DataDir); err != nil {
		return nil, err
	}
	if opts.Lock == nil {
		if e.ownLock, err = datadir.Acquire(opts.DataDir); err != nil {
			return nil, err
		}
	}
	if err := e.start(ctx); err != nil {
		e.cleanUp()
		return nil, err
	}
	return e, nil
}

func (e *Engine) start(ctx context.Context) error {
	if err := e.credentials(); err != nil {
		return err
	}
	p := normalProfile()
	if e.opts.LowMemory {
		p = lowMemoryProfile()
	}
	if err := e.files.writeConfig(p, e.opts); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	first, err := e.firstChild(ctx)
	if err != nil {
		return err
	}
	if err := e.prepare(ctx); err != nil {
		first.end(context.WithoutCancel(ctx))
		return err
	}
	go e.supervise(first) // ends with Stop
	return nil
}

// Access tells how to reach the engine. It stays true across restarts.
func (e *Engine) Access() *Access {
	e.mu.Lock()
	defer e.mu.Unlock()
	access := e.access
	return &access
}

// Stop ends the engine and gives the data folder back. When ctx ends first the
// engine is killed; its tables survive that. Stop may be called more than once.
func (e *Engine) Stop(ctx context.Context) error {
	e.stopOnce.Do(func() { close(e.stop) })
	var err error
	select {
	case <-e.stopped:
	case <-ctx.Done():
		err = fmt.Errorf("embedded: stop: engine killed: %w", ctx.Err())
		if c := e.current(); c != nil {
			c.kill()
		}
		<-e.stopped
	}
	e.cleanUp()
	return err
}

// cleanUp removes what is only true of a running engine.
func (e *Engine) cleanUp() {
	_ = os.Remove(e.files.access)
	_ = e.files.removeConfig()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ownLock != nil {
		_ = e.ownLock.Release()
		e.ownLock = nil
	}
}

// Running reports whether the engine answers, as far as its supervisor knows.
func (e *Engine) Running() bool { return e.current() != nil }

func (e *Engine) current() *child {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child
}

// running records which child is the engine now, also for other commands.
func (e *Engine) running(c *child) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.child = c
	if c == nil {
		return nil
	}
	e.access.EnginePID = c.command.Process.Pid
	return e.access.save(e.files.access)
}

// credentials draws a password for every role.
func (e *Engine) credentials() error {
	e.access = Access{
		Database: schema.Database,
		PID:      os.Getpid(),
		Roles:    make(map[schema.Role]Credentials, len(schema.Roles())),
	}
	for _, role := range schema.Roles() {
		password, err := e.password(role.PasswordVariable())
		if err != nil {
			return err
		}
		e.access.Roles[role] = Credentials{User: role.User(), Password: password}
	}
	if !e.opts.Admin {
		return nil
	}
	password, err := e.password(adminVariable)
	e.access.Admin = &Credentials{User: "kelisim_admin", Password: password}
	return err
}

func (e *Engine) password(variable string) (string, error) {
	secret := make([]byte, passwordBytes)
	if _, err := io.ReadFull(e.opts.Random, secret); err != nil {
		return "", fmt.Errorf("embedded: draw password: %w", err)
	}
	password := hex.EncodeToString(secret)
	e.passwords = append(e.passwords, variable+"="+password)
	return password, nil
}

// choosePort takes a loopback port that nobody listens on.
func (e *Engine) choosePort() error {
	for range portTries {
		var draw [2]byte
		if _, err := io.ReadFull(e.opts.Random, draw[:]); err != nil {
			return fmt.Errorf("embedded: draw port: %w", err)
		}
		port := firstPort + (int(draw[0])<<8|int(draw[1]))%portCount
		address := net.JoinHostPort(loopback, fmt.Sprint(port))
		listener, err := net.Listen("tcp4", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			continue
		}
		e.port, e.access.Address = fmt.Sprint(port), address
		return nil
	}
	return fmt.Errorf("embedded: no free port among %d tried", portTries)
}

// prepare makes the database the first time and tells other commands.
func (e *Engine) prepare(ctx context.Context) error {
	conn, err := e.access.Connect(e.access.Roles[schema.RoleMaintenance], "default")
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+schema.Database); err != nil {
		return fmt.Errorf("embedded: create database: %w", err)
	}
	return e.access.save(e.files.access)
}
