package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"time"
)

const (
	logLineBytes   = 64 << 10 // longer lines are cut
	logMessageMax  = 300      // bytes of a message that reach our log
	logLinesWindow = 10       // lines a second; the rest are counted

	// emptyQuery is what the engine says of the file that ends its life.
	emptyQuery = "Empty query"
)

// The engine's messages may quote what a person sent: string literals of a
// query, pieces of a row, addresses of a client. They never reach our log.
var (
	logTail    = regexp.MustCompile(`(?s)(,? ?Stack trace|\s*\(in query:|\s*\(query:|\n|: While executing).*$`)
	logParse   = regexp.MustCompile(`(?s)Cannot parse.*$`)
	logLiteral = regexp.MustCompile(`'(?:[^'\\]|\\.)*'?|"(?:[^"\\]|\\.)*"?|` + "`[^`]*`?")
	logAddress = regexp.MustCompile(`\[?\b(?:[0-9a-fA-F]{1,4}:){2,7}[0-9a-fA-F:.]*\]?(?::\d+)?|` +
		`\[?\b[0-9a-fA-F]{1,4}::[0-9a-fA-F]{1,4}\b\]?(?::\d+)?|::ffff:[\d.]+|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?`)
	logIdentity = regexp.MustCompile(`[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}`)
	logFrame    = regexp.MustCompile(`^\d+(\.\d+)*\. `)
)

// engineLine is one record of the engine's own log.
type engineLine struct {
	Level   string `json:"level"`
	Logger  string `json:"logger_name"`
	Message string `json:"message"`
}

// logReader carries the engine's warnings and errors into our log.
type logReader struct {
	logger *slog.Logger
	now    func() time.Time

	second  int64 // of the current window
	written int   // lines in it
	dropped int   // lines since the last report
	last    string
}

// follow reads until the engine closes its end. It returns the last line of
// substance: why a child that dies at once could not start.
func (r *logReader) follow(pipe io.Reader) string {
	lines := bufio.NewReaderSize(pipe, logLineBytes)
	for {
		line, tooLong, err := lines.ReadLine()
		if err != nil {
			return r.last
		}
		text := string(line)
		for tooLong && err == nil {
			_, tooLong, err = lines.ReadLine()
		}
		r.line(text)
	}
}

func (r *logReader) line(text string) {
	record := engineLine{Level: "Warning", Logger: "process", Message: text}
	if strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &record); err != nil {
			record.Message = "a log line could not be read"
		}
	}
	level, wanted := logLevel(record.Level)
	message := MaskMessage(record.Message)
	if !wanted || message == "" || message == emptyQuery {
		return
	}
	r.last = message
	if !r.mayWrite() {
		r.dropped++
		return
	}
	attrs := []slog.Attr{slog.String("logger", record.Logger), slog.String("message", message)}
	if r.dropped > 0 {
		attrs = append(attrs, slog.Int("left_out", r.dropped))
		r.dropped = 0
	}
	r.logger.LogAttrs(context.Background(), level, "clickhouse", attrs...)
}

// mayWrite bounds the lines of one second, so that a sick engine cannot fill
// the disk through our log.
func (r *logReader) mayWrite() bool {
	if second := r.now().Unix(); second != r.second {
		r.second, r.written = second, 0
	}
	r.written++
	return r.written <= logLinesWindow
}

// logLevel maps the engine's levels to ours; what is below a warning is not wanted.
func logLevel(name string) (level slog.Level, wanted bool) {
	switch name {
	case "Fatal", "Critical", "Error":
		return slog.LevelError, true
	case "Warning":
		return slog.LevelWarn, true
	default:
		return slog.LevelDebug, false
	}
}

// MaskMessage leaves of a message of ClickHouse what says what went wrong, and nothing that
// could have come from a person. Stack frames become "".
func MaskMessage(text string) string {
	text = logTail.ReplaceAllString(text, "")
	text = logParse.ReplaceAllString(text, "Cannot parse input")
	if logFrame.MatchString(text) {
		return ""
	}
	text = logLiteral.ReplaceAllString(text, "'…'")
	text = logIdentity.ReplaceAllString(text, "[id]")
	text = logAddress.ReplaceAllString(text, "[address]")
	if len(text) > logMessageMax {
		text = strings.ToValidUTF8(text[:logMessageMax], "") + "…"
	}
	return strings.TrimSpace(text)
}
