package embedded

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal and puts it under standard input; closing what
// it returns ends it. An engine that sits at a terminal survives an error in a
// client's connection (a wrong password is one); any other takes itself down.
func openTerminal() (io.Closer, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("embedded: terminal: %w", err)
	}
	if err := underInput(master); err != nil {
		master.Close()
		return nil, fmt.Errorf("embedded: terminal: %w", err)
	}
	return master, nil
}

func underInput(master *os.File) error {
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer slave.Close()
	return unix.Dup3(int(slave.Fd()), 0, 0)
}
