package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

const (
	dialTimeout  = 5 * time.Second
	readTimeout  = 5 * time.Minute // a long mutation that is waited for
	checkTimeout = 5 * time.Second
	idleLifetime = time.Hour
)

// Options say which database to open: exactly one of Engine and DSN is set.
type Options struct {
	// Engine is the access to a running embedded engine.
	Engine *embedded.Access
	// DSN names a server: clickhouse://user:password@host:9000/kelisim. Without
	// more it serves every role.
	DSN string
	// RoleDSNs name the server with a user of its own for some or all roles.
	RoleDSNs map[schema.Role]string
	// Logger is told what an operator should know. Default: discarded.
	Logger *slog.Logger
}

// DB is an open database. Its pools dial when they are first used.
type DB struct {
	conns map[schema.Role]driver.Conn
	pools []pool // each pool once, though one may serve several roles
}

// pool is a connection pool with what may be said about it.
type pool struct {
	driver.Conn
	setting  string // which setting named it
	address  string
	database string
}

// Open makes the pools and tries to log in with each. A server that cannot be
// reached is no error: it is logged, and the pools find it when it comes. A
// wrong address, user, password or database is an error of one line without
// the password.
func Open(ctx context.Context, opts Options) (*DB, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	targets, err := opts.targets()
	if err != nil {
		return nil, err
	}
	db := &DB{conns: make(map[schema.Role]driver.Conn, len(schema.Roles()))}
	for _, target := range targets {
		conn, err := clickhouse.Open(target.options)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("storage: %s: %w", target.setting, err), db.Close())
		}
		db.pools = append(db.pools, pool{
			Conn: conn, setting: target.setting,
			address: target.options.Addr[0], database: target.options.Auth.Database,
		})
		for _, role := range target.roles {
			db.conns[role] = conn
		}
	}
	if err := db.check(ctx, opts.Logger); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Writer is the pool that inserts, and reads back what it inserted.
func (db *DB) Writer() driver.Conn { return db.conns[schema.RoleWriter] }

// Reports is the pool of the dashboard: it reads the views named report_... alone.
func (db *DB) Reports() driver.Conn { return db.conns[schema.RoleReports] }

// Rights is the pool that answers what is held about one consent.
func (db *DB) Rights() driver.Conn { return db.conns[schema.RoleRights] }

// Maintenance is the pool of migrations, erasure and expiry.
func (db *DB) Maintenance() driver.Conn { return db.conns[schema.RoleMaintenance] }

// Ping asks whether the database answers now.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.Writer().Ping(ctx); err != nil {
		return fmt.Errorf("storage: ping: %w", err)
	}
	return nil
}

// Close ends every pool.
func (db *DB) Close() error {
	var problems []error
	for _, p := range db.pools {
		problems = append(problems, p.Close())
	}
	return errors.Join(problems...)
}

// check logs in with every pool once.
func (db *DB) check(ctx context.Context, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	for _, p := range db.pools {
		err := p.Ping(ctx)
		switch {
		case err == nil:
		case Transient(err):
			logger.Warn("clickhouse cannot be reached, going on without it", "setting", p.setting, "address", p.address)
			return nil
		default:
			return fmt.Errorf("storage: %s: %s: %w", p.setting, p.refusal(err), err)
		}
	}
	return nil
}

// refusal says in our words what the server did not accept.
func (p pool) refusal(err error) string {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		switch exception.Code {
		case codeAuthentication, codeUnknownUser, codeWrongPassword, codeRequiredPassword:
			return "user or password is wrong at " + p.address
		case codeUnknownDatabase:
			return fmt.Sprintf("database %s does not exist at %s", p.database, p.address)
		}
	}
	return "the server at " + p.address + " refuses the login"
}

// target is one pool to open and the roles it serves.
type target struct {
	setting string
	options *clickhouse.Options
	roles   []schema.Role
}

func (o Options) targets() ([]target, error) {
	switch {
	case o.Engine != nil && (o.DSN != "" || len(o.RoleDSNs) > 0):
		return nil, errors.New("storage: both an embedded engine and a DSN are given")
	case o.Engine != nil:
		return engineTargets(o.Engine), nil
	case o.DSN == "" && len(o.RoleDSNs) < len(schema.Roles()):
		return nil, errors.New("storage: neither an embedded engine nor a DSN is given")
	default:
		return o.serverTargets()
	}
}

func engineTargets(access *embedded.Access) []target {
	var targets []target
	for _, role := range schema.Roles() {
		who := access.Roles[role]
		targets = append(targets, target{
			setting: "embedded engine, " + string(role),
			roles:   []schema.Role{role},
			options: withDefaults(&clickhouse.Options{
				Addr: []string{access.Address},
				Auth: clickhouse.Auth{Database: access.Database, Username: who.User, Password: who.Password},
				// The engine is a child on this machine: packing would only cost time.
				Compression: &clickhouse.Compression{Method: clickhouse.CompressionNone},
			}),
		})
	}
	return targets
}

// serverTargets gives each role the pool of its own DSN. Roles without one share
// the main DSN's pool, but for the dashboard, which then reads through a pool
// that cannot write.
func (o Options) serverTargets() ([]target, error) {
	var (
		targets []target
		shared  []schema.Role
		lacking []string
	)
	for _, role := range schema.Roles() {
		dsn := o.RoleDSNs[role]
		readOnly := dsn == "" && role == schema.RoleReports
		if dsn == "" {
			lacking = append(lacking, string(role))
		}
		if dsn == "" && !readOnly {
			shared = append(shared, role)
			continue
		}
		setting := settingOf(role, dsn)
		options, err := parseDSN(cmp.Or(dsn, o.DSN))
		if err != nil {
			return nil, fmt.Errorf("storage: %s: %w", setting, err)
		}
		if readOnly {
			options.Settings["readonly"] = 2
		}
		targets = append(targets, target{setting: setting, options: options, roles: []schema.Role{role}})
	}
	if len(shared) > 0 {
		options, err := parseDSN(o.DSN)
		if err != nil {
			return nil, fmt.Errorf("storage: %s: %w", settingOf("", ""), err)
		}
		targets = append(targets, target{setting: settingOf("", ""), options: options, roles: shared})
	}
	if len(lacking) > 1 {
		o.Logger.Warn("ONE DATABASE USER FOR SEVERAL ROLES: the database itself does not keep reports from tables; "+
			"give each role a DSN of its own", "roles", lacking)
	}
	return targets, nil
}

// settingOf names the setting a DSN came from, as users know it.
func settingOf(role schema.Role, dsn string) string {
	if dsn == "" {
		return "clickhouse-dsn"
	}
	return "clickhouse-" + string(role) + "-dsn"
}

// withDefaults bounds a pool and compresses what it carries, unless that is said.
func withDefaults(options *clickhouse.Options) *clickhouse.Options {
	if options.Settings == nil {
		options.Settings = clickhouse.Settings{}
	}
	options.DialTimeout = cmp.Or(options.DialTimeout, dialTimeout)
	options.ReadTimeout = cmp.Or(options.ReadTimeout, readTimeout)
	options.MaxOpenConns = cmp.Or(options.MaxOpenConns, 8)
	options.MaxIdleConns = cmp.Or(options.MaxIdleConns, 2)
	options.ConnMaxLifetime = cmp.Or(options.ConnMaxLifetime, idleLifetime)
	if options.Compression == nil {
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	return options
}
