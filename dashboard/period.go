package dashboard

import (
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kelisim/dashboard/report"
)

const defaultDays = 30

// presets are the periods offered with one click, in days that end today.
func presets() []int { return []int{7, 30, 90} }

// period is the stretch of days a page is about.
type period struct {
	From, To report.Day
	Preset   int  // days, when it is one of the presets
	Wrong    bool // what was asked for makes no period; the default stands in
}

// readPeriod takes the period from an address: days=7, or from= and to=.
func readPeriod(c *fiber.Ctx, today report.Day) period {
	usual := period{From: today - defaultDays + 1, To: today, Preset: defaultDays}
	if c.Query("from") != "" || c.Query("to") != "" {
		from, err := report.ParseDay(c.Query("from"))
		to, err2 := report.ParseDay(c.Query("to"))
		if err != nil || err2 != nil || to < from || to-from >= report.MaxDays {
			usual.Wrong = true
			return usual
		}
		return period{From: from, To: to}
	}
	for _, days := range presets() {
		if c.Query("days") == strconv.Itoa(days) {
			return period{From: today - report.Day(days) + 1, To: today, Preset: days}
		}
	}
	return usual
}

// query is the period as it stands in an address.
func (p period) query(v url.Values) {
	if p.Preset != 0 {
		v.Set("days", strconv.Itoa(p.Preset))
		return
	}
	v.Set("from", p.From.String())
	v.Set("to", p.To.String())
}
