package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

const (
	readyPoll = 20 * time.Millisecond
	// The pause before a restart doubles from the first to the longest, and is
	// the first again after the engine has lived for a while.
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
	livedWell    = time.Minute
	// The listener is looked at now and then: an engine that no longer listens
	// is as dead as one that crashed.
	watchEvery  = 5 * time.Second
	watchMisses = 3
)

// child is one process of the engine.
type child struct {
	command *exec.Cmd
	life    *os.File      // closing it asks the child to end
	done    chan struct{} // closed when the process is gone
	last    string        // last line of its log; read it after done
}

// launch starts a child. The thread that starts it must outlive it, because the
// kernel's death signal is bound to that thread: so a goroutine keeps one.
func (e *Engine) launch() (*child, error) {
	started := make(chan error)
	c := &child{done: make(chan struct{})}
	go func() { // ends with the child
		runtime.LockOSThread()
		defer close(c.done)
		stderr, err := e.spawn(c)
		started <- err
		if err != nil {
			return
		}
		reader := &logReader{logger: e.opts.Logger, now: e.opts.Now}
		c.last = reader.follow(stderr)
		stderr.Close()
		// How it ended does not matter: whoever waits knows whether it should have.
		_ = c.command.Wait()
		c.life.Close()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("embedded: start engine: %w", err)
	}
	return c, nil
}

func (e *Engine) spawn(c *child) (stderr *os.File, err error) {
	self, err := selfPath()
	if err != nil {
		return nil, err
	}
	lifeReader, lifeWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer lifeReader.Close()
	logReader, logWriter, err := os.Pipe()
	if err != nil {
		lifeWriter.Close()
		return nil, err
	}
	defer logWriter.Close()
	c.life = lifeWriter
	c.command = &exec.Cmd{
		Path:        self,
		Args:        []string{childName, e.library, e.files.data, e.files.config, e.port, e.files.queries},
		Env:         append([]string{"TZ=UTC"}, e.passwords...),
		Dir:         e.files.run,
		Stderr:      logWriter,
		ExtraFiles:  []*os.File{lifeReader},
		SysProcAttr: childAttributes(),
	}
	if err := c.command.Start(); err != nil {
		lifeWriter.Close()
		logReader.Close()
		return nil, err
	}
	return logReader, nil
}

// end asks the child to end and waits for it; when ctx ends first it is killed.
func (c *child) end(ctx context.Context) {
	c.life.Close()
	select {
	case <-c.done:
	case <-ctx.Done():
		c.kill()
		<-c.done
	}
}

func (c *child) kill() {
	// A process that is gone already needs no killing.
	_ = c.command.Process.Kill()
}

// firstChild starts the engine for the first time. A port that was taken in the
// meantime and a data folder that the engine of a killed parent is just leaving
// are worth another try; whatever else ends the child is told at once.
func (e *Engine) firstChild(ctx context.Context) (*child, error) {
	for {
		if err := e.choosePort(); err != nil {
			return nil, err
		}
		c, err := e.launch()
		if err != nil {
			return nil, err
		}
		err = e.ready(ctx, c)
		if err == nil {
			return c, e.running(c)
		}
		c.end(ctx)
		if !strings.Contains(c.last, "lock file") && !strings.Contains(c.last, "in use") {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(firstPause):
		}
	}
}

// ready waits until the child answers the native protocol.
func (e *Engine) ready(ctx context.Context, c *child) error {
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		select {
		case <-c.done:
			return fmt.Errorf("embedded: engine ended while starting: %s", orUnknown(c.last))
		case <-ctx.Done():
			return fmt.Errorf("embedded: engine does not answer: %w", ctx.Err())
		case <-poll.C:
		}
		if !listens(e.access.Address) {
			continue
		}
		if err := e.access.ping(ctx); err == nil {
			return nil
		}
	}
}

func orUnknown(reason string) string {
	if reason == "" {
		return "no reason given"
	}
	return reason
}

// supervise keeps an engine running until Stop.
func (e *Engine) supervise(c *child) {
	defer close(e.stopped)
	pause := firstPause
	for {
		since := e.opts.Now()
		if e.watch(c) {
			return
		}
		if e.opts.Now().Sub(since) > livedWell {
			pause = firstPause
		}
		e.opts.Logger.Error("clickhouse ended unexpectedly, starting it again",
			"reason", orUnknown(c.last), "pause", pause)
		_ = e.running(nil)
		next, err := e.relaunch(&pause)
		if err != nil {
			return // stopped
		}
		c = next
	}
}

// watch waits for the end of the child; stopped tells that Stop asked for it.
func (e *Engine) watch(c *child) (stopped bool) {
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	misses := 0
	for {
		select {
		case <-e.stop:
			c.end(context.Background()) // Stop kills the child when its time is up
			return true
		case <-c.done:
			return false
		case <-look.C:
		}
		if listens(e.access.Address) {
			misses = 0
			continue
		}
		if misses++; misses == watchMisses {
			e.opts.Logger.Error("clickhouse no longer listens, killing it")
			c.kill()
		}
	}
}

var errStopped = errors.New("stopped")

// relaunch starts children until one answers or the engine is stopped.
func (e *Engine) relaunch(pause *time.Duration) (*child, error) {
	for {
		select {
		case <-e.stop:
			return nil, errStopped
		case <-time.After(*pause):
		}
		*pause = min(2**pause, longestPause)
		c, err := e.launch()
		if err != nil {
			e.opts.Logger.Error("clickhouse cannot be started", "error", err)
			continue
		}
		err = e.awaitAgain(c)
		switch {
		case errors.Is(err, errStopped):
			return nil, err
		case err != nil:
			e.opts.Logger.Error("clickhouse did not come back", "error", err, "pause", *pause)
			continue
		}
		e.opts.Logger.Info("clickhouse is back")
		return c, nil
	}
}

// awaitAgain waits for a restarted child, and for Stop meanwhile. A child that
// does not come back is ended.
func (e *Engine) awaitAgain(c *child) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	answered := make(chan error, 1)
	go func() { answered <- e.ready(ctx, c) }() // ends with ctx at the latest
	select {
	case <-e.stop:
		cancel()
		c.end(context.Background())
		<-answered
		return errStopped
	case err := <-answered:
		if err == nil {
			err = e.running(c)
		}
		if err != nil {
			c.end(ctx)
		}
		return err
	}
}

func listens(address string) bool {
	conn, err := net.DialTimeout("tcp4", address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
