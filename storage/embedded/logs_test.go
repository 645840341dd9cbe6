package embedded

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestMaskMessage(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"query text", "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE) (version 26.7.2.1) (in query: SELECT 'a@example.com')", "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE) (version [address])"},
		{"literal", `Cannot convert 'a secret' to "x"`, "Cannot convert '…' to '…'"},
		{"open literal", `Value 'a secret without an end`, "Value '…'"},
		{"v4", "from 203.0.113.77:4711 refused", "from [address] refused"},
		{"v6", "from [2001:db8:1:2::77]:4711 and 2001:db8::1 refused", "from [address] and [address] refused"},
		{"mapped", "from ::ffff:203.0.113.77 refused", "from [address] refused"},
		{"uuid", "row 6f1c7c1a-5b0e-4d0b-9d5c-0123456789ab is bad", "row [id] is bad"},
		{"row data", "Cannot parse UInt8 from the row 1,2,secret", "Cannot parse input"},
		{"frame", "12. ? @ 0x000000001c8fa4b3", ""},
		{"trace", "It broke, Stack trace (when copying this): 0. x", "It broke"},
		{"lines", "It broke\nsecret", "It broke"},
		{"class names stay", "DB::Exception: Memory limit exceeded", "DB::Exception: Memory limit exceeded"},
		{"long", strings.Repeat("я", 200), strings.Repeat("я", 150) + "…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := MaskMessage(test.in); got != test.want {
				t.Errorf("MaskMessage(%q)\n got %q\nwant %q", test.in, got, test.want)
			}
		})
	}
}

func TestLogReader(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1_700_000_000, 0)
	reader := &logReader{logger: slog.New(slog.NewTextHandler(&out, nil)), now: func() time.Time { return now }}
	lines := `{"level":"Debug","logger_name":"Context","message":"quiet"}` + "\n" +
		`{"level":"Error","logger_name":"MergeTree","message":"part is broken: 'secret'"}` + "\n" +
		strings.Repeat(`{"level":"Warning","logger_name":"X","message":"again"}`+"\n", 50) +
		`{"broken` + "\n" + "plain text of the loader\n"
	if last := reader.follow(strings.NewReader(lines)); last != "plain text of the loader" {
		t.Errorf("last line = %q", last)
	}
	got := out.String()
	if strings.Contains(got, "quiet") || strings.Contains(got, "secret") {
		t.Errorf("log holds what it must not:\n%s", got)
	}
	if n := strings.Count(got, "again"); n != logLinesWindow-1 {
		t.Errorf("%d repeated lines got through, want %d", n, logLinesWindow-1)
	}
	now = now.Add(time.Second)
	reader.line("later")
	if !strings.Contains(out.String(), "left_out=43") {
		t.Errorf("the lines left out are not told:\n%s", out.String())
	}
}
