package embedded

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

const (
	// childName is argv[0] of the child, which is how it knows what it is.
	childName = "kelisim-clickhouse"
	// lifePipe is the child's end of the pipe that closes with its parent.
	lifePipe = 3
	// cleanExit is how long the child may take to end by itself.
	cleanExit = 8 * time.Second
	// hardExit is the exit code of a child that had to be cut off.
	hardExit = 70
	// deathSignal reaches the child when the thread that started it dies.
	deathSignal = syscall.SIGQUIT
	// childArgs counts argv: name, library, data path, configuration, port, first queries.
	childArgs = 6
)

// IsChild reports whether this process was started to be the engine. Call it
// first thing in main and TestMain.
func IsChild() bool {
	return len(os.Args) == childArgs && os.Args[0] == childName
}

// RunChild is the engine: it returns an exit code once the parent is gone or
// has asked it to end. Only a process for which IsChild holds may call it.
func RunChild() int {
	runtime.LockOSThread()
	// A core file would hold rows, and signals meant for the parent (Ctrl-C in a
	// terminal, a service manager's SIGTERM to the group) are the parent's to
	// answer: it still has rows to flush.
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	orphaned := make(chan os.Signal, 1)
	signal.Notify(orphaned, deathSignal)

	if err := giveWay(); err != nil {
		fmt.Fprintln(os.Stderr, err) // it runs all the same
	}
	if err := portIsFree(os.Args[4]); err != nil {
		return fail(err)
	}
	args := []string{
		"clickhouse",
		"--path=" + os.Args[2],
		"--config-file=" + os.Args[3],
		"--tcp_port=" + os.Args[4],
		"--listen_host=" + loopback,
	}
	terminal, err := openTerminal()
	if err == nil {
		args = append(args, "--interactive", "--disable_suggestion", "--history_file=/dev/null")
	}
	queries, err := followParent(orphaned, terminal)
	if err != nil {
		return fail(err)
	}
	if err := runLibrary(os.Args[1], append(args, "--queries-file", os.Args[5], queries)); err != nil {
		return fail(err)
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// portIsFree tells early what the engine would only complain about.
func portIsFree(port string) error {
	listener, err := net.Listen("tcp4", net.JoinHostPort(loopback, port))
	if err != nil {
		return fmt.Errorf("embedded: port %s: %w", port, err)
	}
	return listener.Close()
}

// followParent returns a file that reads as empty once the parent is gone, which
// the pipe or the death signal says. The engine reads it as its second file of
// queries: waiting for it holds the session open without a running query and
// without a right to anything. The terminal, if there is one, ends with it.
func followParent(orphaned <-chan os.Signal, terminal io.Closer) (string, error) {
	parent := os.NewFile(lifePipe, "parent")
	reader, writer, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("embedded: pipe: %w", err)
	}
	closed := make(chan struct{})
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, parent)
		close(closed)
	}()
	go func() { // ends with the process
		select {
		case <-closed:
		case <-orphaned:
		}
		time.AfterFunc(cleanExit, func() { os.Exit(hardExit) })
		writer.Close()
		if terminal != nil {
			terminal.Close()
		}
	}()
	return fmt.Sprintf("/dev/fd/%d", reader.Fd()), nil
}

// runLibrary calls ClickHouse's command line in libchdb and returns when its
// last query has ended.
func runLibrary(path string, args []string) error {
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("embedded: load library: %w", err)
	}
	var (
		run         func(argc int32, argv unsafe.Pointer) uintptr
		resultError func(result uintptr) string
	)
	for name, target := range map[string]any{
		"chdb_query_cmdline": &run,
		"chdb_result_error":  &resultError,
	} {
		symbol, err := purego.Dlsym(library, name)
		if err != nil {
			return fmt.Errorf("embedded: library has no %s: %w", name, err)
		}
		purego.RegisterFunc(target, symbol)
	}
	argv := make([]*byte, len(args)+1) // the last stays nil, as in C
	for i, arg := range args {
		argv[i] = unsafe.SliceData(append([]byte(arg), 0))
	}
	result := run(int32(len(args)), unsafe.Pointer(unsafe.SliceData(argv)))
	runtime.KeepAlive(argv)
	if result == 0 {
		return nil
	}
	if message := resultError(result); message != "" {
		return fmt.Errorf("embedded: engine: %s", message)
	}
	return nil
}
