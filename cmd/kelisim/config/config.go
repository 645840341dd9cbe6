// Package config reads the settings of the program: flag over environment over
// file over default. Every setting is described once, in the table below; the
// reference in docs/configuration.md is made from it. An unknown key is an error
// in each of the three places.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"kelisim/collector/limit"
	"kelisim/pipeline/minimise"
)

// Config is what users set.
type Config struct {
	Listen         string
	AdminListen    string
	DataDir        string
	ClickHouseDSN  string
	ReportsDSN     string
	RightsDSN      string
	MaintenanceDSN string
	Policies       string
	Keys           string
	ChDBLib        string
	TrustedProxies []netip.Prefix
	RateLimit      int
	Keep           minimise.Networks
	GeoDB          string
	LowMemory      bool

	values []Value
}

// Value is one setting with where it came from.
type Value struct {
	Setting
	Text   string
	Source string // default, file, environment or flag
}

// Setting describes one setting.
type Setting struct {
	Name    string // flag and key of the file
	Env     string
	Default string
	Help    string
	Secret  bool
	set     func(*Config, string) error
}

// Error is a setting that cannot be used.
type Error struct {
	Source, Name, Value, Rule string
}

func (e *Error) Error() string {
	return fmt.Sprintf("configuration: %s: %s: value %q: %s", e.Source, e.Name, e.Value, e.Rule)
}

func text(to func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*to(c) = v
		return nil
	}
}

func address(to func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		_, port, err := net.SplitHostPort(v)
		if err != nil {
			return errors.New("must be host:port, such as 127.0.0.1:8080")
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return errors.New("the port must be a number from 0 to 65535")
		}
		*to(c) = v
		return nil
	}
}

func needed(to func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v == "" {
			return errors.New("must not be empty")
		}
		*to(c) = v
		return nil
	}
}

// Settings lists every setting, in the order of the reference.
func Settings() []Setting {
	return []Setting{
		{"listen", "KELISIM_LISTEN", "127.0.0.1:8080", "address of the public listener: banner, decisions, events, privacy page", false, address(func(c *Config) *string { return &c.Listen })},
		{"admin-listen", "KELISIM_ADMIN_LISTEN", "127.0.0.1:8081", "address of the dashboard", false, address(func(c *Config) *string { return &c.AdminListen })},
		{"data-dir", "KELISIM_DATA_DIR", "./data", "folder of the spool, the keys, the accounts and the embedded ClickHouse", false, needed(func(c *Config) *string { return &c.DataDir })},
		{"clickhouse-dsn", "KELISIM_CLICKHOUSE_DSN", "", "clickhouse://user:password@host:9000/kelisim of a ClickHouse server; empty starts the embedded one", true, text(func(c *Config) *string { return &c.ClickHouseDSN })},
		{"clickhouse-reports-dsn", "KELISIM_CLICKHOUSE_REPORTS_DSN", "", "the same server as a user that may only read the views of reports", true, text(func(c *Config) *string { return &c.ReportsDSN })},
		{"clickhouse-rights-dsn", "KELISIM_CLICKHOUSE_RIGHTS_DSN", "", "the same server as a user that may read what is held about a person", true, text(func(c *Config) *string { return &c.RightsDSN })},
		{"clickhouse-maintenance-dsn", "KELISIM_CLICKHOUSE_MAINTENANCE_DSN", "", "the same server as a user that may change the schema and erase", true, text(func(c *Config) *string { return &c.MaintenanceDSN })},
		{"policies", "KELISIM_POLICIES", "./policies", "folder of policy files, one site each; it is read again when it changes, and at SIGHUP", false, text(func(c *Config) *string { return &c.Policies })},
		{"keys", "KELISIM_KEYS", "", "folder of the keys that sign tokens, the same for all nodes; empty means keys in the data folder", false, text(func(c *Config) *string { return &c.Keys })},
		{"chdb-lib", "KELISIM_CHDB_LIB", "", "path of libchdb.so; empty looks under js/node_modules", false, text(func(c *Config) *string { return &c.ChDBLib })},
		{"trusted-proxies", "KELISIM_TRUSTED_PROXIES", "", "comma-separated prefixes of the proxies whose X-Forwarded-For is believed, the only header about addresses that is read; empty means none", false, proxies},
		{"rate-limit", "KELISIM_RATE_LIMIT", "100", "requests a second and client address, IPv6 by /64; ten seconds' worth may come at once, and decisions have a fifth of it for themselves; 0 switches it off", false, rateLimit},
		{"keep-ipv4", "KELISIM_KEEP_IPV4", strconv.Itoa(minimise.MaxV4), "how many bits of an IPv4 address may be kept, also of one inside an IPv6 address: at most 24, or `none`", false, keep(minimise.MaxV4, "IPv4", func(n *minimise.Networks) *int { return &n.V4 })},
		{"keep-ipv6", "KELISIM_KEEP_IPV6", strconv.Itoa(minimise.MaxV6), "how many bits of any other IPv6 address may be kept: at most 48, or `none`", false, keep(minimise.MaxV6, "IPv6", func(n *minimise.Networks) *int { return &n.V6 })},
		{"geo-db", "KELISIM_GEO_DB", "", "path of a country database in MaxMind's format; empty looks for the one that npm installed", false, text(func(c *Config) *string { return &c.GeoDB })},
		{"low-memory", "KELISIM_LOW_MEMORY", "false", "run the embedded ClickHouse with small caches", false, lowMemory},
	}
}

func proxies(c *Config, v string) error {
	c.TrustedProxies = nil
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			a, err := netip.ParseAddr(part)
			if err != nil {
				return errors.New("must be prefixes such as 10.0.0.0/8, separated by commas")
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if in := p.Addr(); in.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(in.Unmap(), p.Bits()-96)
		}
		if p.Bits() == 0 {
			return errors.New("a prefix of length 0 would believe everybody")
		}
		c.TrustedProxies = append(c.TrustedProxies, p.Masked())
	}
	return nil
}

// keep reads how many bits of an address may be kept; none is 0 of them.
func keep(most int, kind string, to func(*minimise.Networks) *int) func(*Config, string) error {
	return func(c *Config, v string) error {
		bits, err := strconv.Atoi(v)
		if v == "none" {
			bits, err = 0, nil
		}
		if err != nil || bits < 0 || bits > most {
			return fmt.Errorf("must be a number from 0 to %d, or none: of an %s address no more than /%d is ever kept", most, kind, most)
		}
		*to(&c.Keep) = bits
		return nil
	}
}

func rateLimit(c *Config, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > limit.MostPerSecond {
		return fmt.Errorf("must be a whole number from 0 to %d", limit.MostPerSecond)
	}
	c.RateLimit = n
	return nil
}

func lowMemory(c *Config, v string) error {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return errors.New("must be true or false")
	}
	c.LowMemory = b
	return nil
}

// Others are environment variables that begin with KELISIM_ and are read
// elsewhere.
var others = []string{"KELISIM_CONFIG", "KELISIM_DEMO_PASSWORD"}

const (
	envPrefix     = "KELISIM_"
	testPrefix    = "KELISIM_TEST_"  // of the project's own tests
	childPrefix   = "KELISIM_CHILD_" // of the embedded engine's process
	defaultConfig = "kelisim.yaml"
)

// Known reports whether an environment variable is one of ours.
func Known(env string) bool {
	for _, s := range Settings() {
		if s.Env == env {
			return true
		}
	}
	return slices.Contains(others, env)
}

// Load reads the settings for one command. flags may already hold flags of the
// command; defaults take the place of the table's where a command has its own;
// what is left of args after the flags is returned. With --print-config the
// caller prints and ends.
func Load(flags *flag.FlagSet, args, environ []string, defaults map[string]string) (c *Config, printIt bool, rest []string, err error) {
	settings := Settings()
	for i, s := range settings {
		if d, ok := defaults[s.Name]; ok {
			settings[i].Default = d
		}
	}
	given := map[string]*string{}
	for _, s := range settings {
		given[s.Name] = flags.String(s.Name, s.Default, s.Help+" ["+s.Env+"]")
	}
	file := flags.String("config", "", "configuration file [KELISIM_CONFIG]; default kelisim.yaml, if there is one")
	printed := flags.Bool("print-config", false, "print every setting and where it came from, and end")
	if err := flags.Parse(args); err != nil {
		return nil, false, nil, err
	}
	byFlag := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { byFlag[f.Name] = true })
	env, err := environment(environ)
	if err != nil {
		return nil, false, nil, err
	}
	fromFile, path, err := readFile(*file, env["KELISIM_CONFIG"])
	if err != nil {
		return nil, false, nil, err
	}
	c = &Config{}
	for _, s := range settings {
		v := Value{Setting: s, Text: s.Default, Source: "default"}
		if t, ok := fromFile[s.Name]; ok {
			v.Text, v.Source = t, "file "+path
			delete(fromFile, s.Name)
		}
		if t, ok := env[s.Env]; ok {
			v.Text, v.Source = t, "environment "+s.Env
		}
		if byFlag[s.Name] {
			v.Text, v.Source = *given[s.Name], "flag --"+s.Name
		}
		if err := s.set(c, v.Text); err != nil {
			return nil, false, nil, &Error{Source: v.Source, Name: s.Name, Value: masked(v), Rule: err.Error()}
		}
		c.values = append(c.values, v)
	}
	for key := range fromFile {
		return nil, false, nil, &Error{Source: "file " + path, Name: key, Rule: "there is no such setting"}
	}
	if c.Keys == "" {
		c.Keys = filepath.Join(c.DataDir, "keys")
	}
	return c, *printed, flags.Args(), nil
}

func environment(environ []string) (map[string]string, error) {
	env := map[string]string{}
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(key, envPrefix) || strings.HasPrefix(key, testPrefix) || strings.HasPrefix(key, childPrefix) {
			continue
		}
		if !Known(key) {
			return nil, &Error{Source: "environment", Name: key, Rule: "there is no such setting"}
		}
		env[key] = value
	}
	return env, nil
}

func readFile(byFlag, byEnv string) (map[string]string, string, error) {
	path, must := byFlag, true
	if path == "" {
		path = byEnv
	}
	if path == "" {
		path, must = defaultConfig, false
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && !must {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("configuration: %w", err)
	}
	var raw map[string]any
	if err := yaml.Unmarshal(b, &raw); err != nil {
		return nil, "", fmt.Errorf("configuration: file %s: %s", path, yaml.FormatError(err, false, false))
	}
	out := map[string]string{}
	for key, v := range raw {
		switch v := v.(type) {
		case string:
			out[key] = v
		case bool, int, int64, uint64, float64:
			out[key] = fmt.Sprint(v)
		case []any:
			parts := make([]string, len(v))
			for i, p := range v {
				parts[i] = fmt.Sprint(p)
			}
			out[key] = strings.Join(parts, ",")
		default:
			return nil, "", &Error{Source: "file " + path, Name: key, Rule: "must be a text, a number, true, false or a list"}
		}
	}
	return out, path, nil
}

func masked(v Value) string {
	if v.Secret && v.Text != "" {
		return "********"
	}
	return v.Text
}

// Print writes every setting and where it came from, secrets masked.
func (c *Config) Print(w io.Writer) error {
	for _, v := range c.values {
		if _, err := fmt.Fprintf(w, "%s: %q  # %s\n", v.Name, masked(v), v.Source); err != nil {
			return fmt.Errorf("configuration: print: %w", err)
		}
	}
	return nil
}

// Reference is docs/configuration.md.
func Reference() string {
	var b strings.Builder
	b.WriteString("# Configuration\n\nA flag wins over the environment, the environment over the file (`kelisim.yaml`, or `--config FILE`), the file over the\n" +
		"default. Unknown keys are errors. `--print-config` shows each value and where it came from, secrets masked.\n" +
		"This page is made from the table in cmd/kelisim/config; a test compares them.\n\n" +
		"| flag and key of the file | environment | default | meaning |\n|---|---|---|---|\n")
	for _, s := range Settings() {
		def := "`" + s.Default + "`"
		if s.Default == "" {
			def = "empty"
		}
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", s.Name, s.Env, def, s.Help)
	}
	b.WriteString("\n`KELISIM_CONFIG` names the file. `KELISIM_DEMO_PASSWORD` sets the password of the demo's login.\n")
	return b.String()
}
