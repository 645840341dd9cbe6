package report

import (
	"fmt"
	"time"
)

// Day is one calendar day in the site's own time zone, counted from 1970-01-01.
// It holds no time zone itself: the zone stands once, in the Spec.
type Day int32

const (
	secondsPerDay = 24 * 60 * 60
	dayLayout     = "2006-01-02"
)

// DayOf is the day that an instant falls on in a time zone.
func DayOf(t time.Time, zone *time.Location) Day {
	y, m, d := t.In(zone).Date()
	return DayFrom(y, m, d)
}

// DayFrom is the day with this date.
func DayFrom(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

// ParseDay reads a day in the form 2006-01-02.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(dayLayout, s)
	if err != nil {
		return 0, fmt.Errorf("report: not a day: want the form %s", dayLayout)
	}
	return Day(t.Unix() / secondsPerDay), nil
}

// Date is the year, month and day of the month.
func (d Day) Date() (int, time.Month, int) { return d.utc().Date() }

// String is the day in the form 2006-01-02.
func (d Day) String() string { return d.utc().Format(dayLayout) }

func (d Day) utc() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }
