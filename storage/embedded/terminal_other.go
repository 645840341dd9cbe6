//go:build !linux

package embedded

import (
	"errors"
	"io"
)

// openTerminal is not written for this system: the engine runs without one, and
// is started again should a client's wrong password take it down.
func openTerminal() (io.Closer, error) {
	return nil, errors.New("embedded: no terminal on this system")
}
