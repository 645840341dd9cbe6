// Package storage opens the database: one connection pool a role, to the
// embedded engine or to a ClickHouse server given by DSN, with the same code
// behind both.
//
// Only this package and those below it import clickhouse-go.
package storage
