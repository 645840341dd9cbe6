package locale

import (
	"fmt"
	"time"
)

func months(lang string) [12]string {
	switch lang {
	case RU:
		return [12]string{
			"января", "февраля", "марта", "апреля", "мая", "июня",
			"июля", "августа", "сентября", "октября", "ноября", "декабря",
		}
	case EN:
		return [12]string{
			"January", "February", "March", "April", "May", "June",
			"July", "August", "September", "October", "November", "December",
		}
	}
	return [12]string{
		"қаңтар", "ақпан", "наурыз", "сәуір", "мамыр", "маусым",
		"шілде", "тамыз", "қыркүйек", "қазан", "қараша", "желтоқсан",
	}
}

// Date writes the day of t, in t's own location: «2027 ж. 22 мамыр»,
// «22 мая 2027 г.», "22 May 2027". The Russian form is a genitive: it stands
// after «до», «от», «не позднее».
func Date(lang string, t time.Time) string {
	y, m, d := t.Date()
	month := months(lang)[m-1]
	switch lang {
	case RU:
		return fmt.Sprintf("%d %s %d г.", d, month, y)
	case EN:
		return fmt.Sprintf("%d %s %d", d, month, y)
	}
	return fmt.Sprintf("%d ж. %d %s", y, d, month)
}

// DateTime writes the day and the minute: «2027 ж. 22 мамыр, 14:05».
func DateTime(lang string, t time.Time) string {
	return Date(lang, t) + ", " + t.Format("15:04")
}

// ShortDate writes the day in digits: 22.05.2027, in English 22/05/2027.
func ShortDate(lang string, t time.Time) string {
	if lang == EN {
		return t.Format("02/01/2006")
	}
	return t.Format("02.01.2006")
}
