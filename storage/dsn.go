package storage

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"kelisim/storage/schema"
)

const defaultPort = "9000"

// errDSN is all that is said about a DSN that cannot be read: where its parts
// are mistaken for one another, the password may stand in any of them.
var errDSN = errors.New("not of the form clickhouse://user:password@host:9000/kelisim " +
	"(characters of the password other than letters and digits must be percent-encoded)")

var errDSNScheme = errors.New("a DSN begins with clickhouse:// (ClickHouse's native protocol, port 9000); HTTP is not spoken")

// CheckDSN reports whether a DSN can be read, without dialling. Its error never
// holds any part of the DSN.
func CheckDSN(dsn string) error {
	_, err := parseDSN(dsn)
	return err
}

func parseDSN(dsn string) (*clickhouse.Options, error) {
	scheme, _, found := strings.Cut(dsn, "://")
	if !found {
		return nil, errDSN
	}
	if !slices.Contains([]string{"clickhouse", "tcp", "native"}, scheme) {
		return nil, errDSNScheme
	}
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, errDSN // its text may quote the DSN
	}
	for i, address := range options.Addr {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			host, port = strings.Trim(address, "[]"), defaultPort
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || host == "" || strings.ContainsAny(host, "@/ ") {
			return nil, errDSN
		}
		options.Addr[i] = net.JoinHostPort(host, port)
	}
	if options.Auth.Database == "" {
		options.Auth.Database = schema.Database
	}
	return withDefaults(options), nil
}
