package dashboard

import (
	"crypto/subtle"
	"errors"
	"math"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/dashboard/accounts"
)

// Names of the dashboard's cookies. None of them concerns a visitor.
const (
	sessionCookie = "kelisim-dashboard"
	formCookie    = "kelisim-dashboard-form"
	langCookie    = "kelisim-dashboard-lang"
)

const sessionLocal = "dashboard-session"

// signedIn lets a request through when it comes from a signed-in browser whose
// account still exists. Others are sent to the login, or told 401 by the API.
func (d *Dashboard) signedIn(next fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		token := c.Cookies(d.cookieName(sessionCookie))
		one, ok := d.sessions.find(token)
		if ok {
			account, err := d.o.Accounts.Find(c.UserContext(), one.account.Name)
			if err != nil || !account.Created.Equal(one.account.Created) {
				d.sessions.end(token)
				ok = false
			}
		}
		if ok {
			c.Locals(sessionLocal, one)
			return next(c)
		}
		if strings.HasPrefix(c.Path(), "/api/") {
			return apiError(c, fiber.StatusUnauthorized, "unauthorized", "sign in first", "")
		}
		target := "/login"
		if token != "" {
			target = "/login?expired=1"
		}
		return c.Redirect(target, fiber.StatusSeeOther)
	}
}

func current(c *fiber.Ctx) session {
	one, _ := c.Locals(sessionLocal).(session)
	return one
}

// loginView is what the login page shows.
type loginView struct {
	frame
	Form  string // repeated in the form; must equal the form cookie
	Name  string
	Error string
}

func (d *Dashboard) showLogin(c *fiber.Ctx) error {
	if one, ok := d.sessions.find(c.Cookies(d.cookieName(sessionCookie))); ok {
		if _, err := d.o.Accounts.Find(c.UserContext(), one.account.Name); err == nil {
			return c.Redirect("/", fiber.StatusSeeOther)
		}
	}
	message := ""
	if c.Query("expired") != "" {
		message = d.texts[d.lang(c)]["error_expired"]
	}
	return d.renderLogin(c, fiber.StatusOK, "", message)
}

func (d *Dashboard) renderLogin(c *fiber.Ctx, status int, name, message string) error {
	form, err := randomToken(d.o.Random)
	if err != nil {
		return err
	}
	d.setCookie(c, formCookie, form, absoluteLimit)
	return d.render(c, status, "login.html", loginView{
		frame: d.frame(c, "/login", url.Values{}), Form: form, Name: name, Error: message,
	})
}

func (d *Dashboard) login(c *fiber.Ctx) error {
	t := d.texts[d.lang(c)]
	expected := c.Cookies(d.cookieName(formCookie))
	if !sameOrigin(c) || expected == "" || !equal(expected, c.FormValue("form")) {
		return d.renderLogin(c, fiber.StatusForbidden, "", t["error_form"])
	}
	name := strings.ToLower(strings.TrimSpace(strings.Clone(c.FormValue("name"))))
	address := peer(c)
	if wait := d.throttle.wait(name, address); wait > 0 {
		minutes := int64(math.Ceil(wait.Minutes()))
		c.Set(fiber.HeaderRetryAfter, itoa(int64(math.Ceil(wait.Seconds()))))
		return d.renderLogin(c, fiber.StatusTooManyRequests, name, t.with("error_rate", "n", itoa(minutes)))
	}
	account, err := d.o.Accounts.Verify(c.UserContext(), name, c.FormValue("password"))
	if errors.Is(err, accounts.ErrCredentials) {
		d.throttle.failed(name, address)
		d.log.Info("dashboard: sign-in refused")
		return d.renderLogin(c, fiber.StatusUnauthorized, name, t["error_credentials"])
	}
	if err != nil {
		d.log.Error("dashboard: sign-in failed", "error", err)
		return d.renderLogin(c, fiber.StatusServiceUnavailable, name, t["error_unavailable"])
	}
	d.throttle.succeeded(name)
	d.sessions.end(c.Cookies(d.cookieName(sessionCookie)))
	token, err := d.sessions.begin(account)
	if err != nil {
		return err
	}
	d.setCookie(c, sessionCookie, token, absoluteLimit)
	d.setCookie(c, formCookie, "", -1)
	d.log.Info("dashboard: signed in", "account", account.Name)
	return c.Redirect("/", fiber.StatusSeeOther)
}

func (d *Dashboard) logout(c *fiber.Ctx) error {
	token := c.Cookies(d.cookieName(sessionCookie))
	one, ok := d.sessions.find(token)
	if !ok {
		return c.Redirect("/login", fiber.StatusSeeOther)
	}
	if !sameOrigin(c) || !equal(one.csrf, c.FormValue("csrf")) {
		return d.renderLogin(c, fiber.StatusForbidden, "", d.texts[d.lang(c)]["error_form"])
	}
	d.sessions.end(token)
	d.setCookie(c, sessionCookie, "", -1)
	d.log.Info("dashboard: signed out", "account", one.account.Name)
	return c.Redirect("/login", fiber.StatusSeeOther)
}

// peer is the network of who connects: enough to slow down guessing.
func peer(c *fiber.Ctx) string {
	address, err := netip.ParseAddr(c.IP())
	if err != nil {
		return ""
	}
	address = address.Unmap()
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}

// setCookie sets one of the dashboard's cookies; a negative life takes it away.
func (d *Dashboard) setCookie(c *fiber.Ctx, name, value string, life time.Duration) {
	cookie := &fiber.Cookie{
		Name: d.cookieName(name), Value: value, Path: "/", HTTPOnly: true,
		SameSite: fiber.CookieSameSiteStrictMode, Secure: d.o.Secure, MaxAge: int(life.Seconds()),
	}
	if life < 0 {
		cookie.MaxAge, cookie.Expires = -1, time.Unix(1, 0)
	}
	c.Cookie(cookie)
}

// cookieName binds a cookie to this host alone where the connection is secure.
func (d *Dashboard) cookieName(name string) string {
	if d.o.Secure {
		return "__Host-" + name
	}
	return name
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
