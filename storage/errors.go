package storage

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// ClickHouse's own error codes, as far as the program acts on them.
const (
	codeUnknownDatabase  = 81
	codeUnknownUser      = 192
	codeWrongPassword    = 193
	codeRequiredPassword = 194
	codeAuthentication   = 516
)

// Transient reports whether the same call may succeed later without anybody
// changing it: the network, a server that starts, stops, is full or is short of
// something. Everything else is permanent: a wrong password, a missing table, a
// query that cannot be read; so is an end that the caller's own context asked
// for. A nil error is not transient.
func Transient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		return transientCode(exception.Code)
	}
	for _, known := range []error{
		context.DeadlineExceeded, os.ErrDeadlineExceeded,
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
		clickhouse.ErrAcquireConnTimeout, clickhouse.ErrConnectionClosed,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	var network net.Error // also a name that is not known yet
	return errors.As(err, &network)
}

// transientCode knows the codes by which ClickHouse says "not now". The names
// are those of ClickHouse's ErrorCodes.cpp.
func transientCode(code int32) bool {
	switch code {
	case 3, // UNEXPECTED_END_OF_FILE
		74, 75, 76, // CANNOT_READ_, CANNOT_WRITE_, CANNOT_OPEN_FILE
		159,      // TIMEOUT_EXCEEDED
		160,      // TOO_SLOW
		164,      // READONLY
		173,      // CANNOT_ALLOCATE_MEMORY
		202,      // TOO_MANY_SIMULTANEOUS_QUERIES
		203,      // NO_FREE_CONNECTION
		209, 210, // SOCKET_TIMEOUT, NETWORK_ERROR
		225, // NO_ZOOKEEPER
		236, // ABORTED
		241, // MEMORY_LIMIT_EXCEEDED
		242, // TABLE_IS_READ_ONLY
		243, // NOT_ENOUGH_SPACE
		252, // TOO_MANY_PARTS
		279, // ALL_CONNECTION_TRIES_FAILED
		285, // TOO_FEW_LIVE_REPLICAS
		286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
		289, // REPLICA_IS_NOT_IN_QUORUM
		319, // UNKNOWN_STATUS_OF_INSERT
		341, // UNFINISHED
		394, // QUERY_WAS_CANCELLED
		425, // SYSTEM_ERROR
		439, // CANNOT_SCHEDULE_TASK
		473, // DEADLOCK_AVOIDED
		518, // DATABASE_REPLICATION_FAILED
		722, // ASYNC_LOAD_WAIT_FAILED
		745, // SERVER_OVERLOADED
		999: // KEEPER_EXCEPTION
		return true
	default:
		return false
	}
}
