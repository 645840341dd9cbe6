package main

import (
	"time"

	"github.com/gofiber/fiber/v2"
)

// serveBare is the baseline of every request: the same server library with the
// same limits of time, and a handler that does nothing.
func serveBare(address string) error {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, ReadBufferSize: 16 << 10,
		ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	})
	app.Post("/v1/events", func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusNoContent) })
	app.Post("/v1/consent", func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusNoContent) })
	return app.Listen(address)
}
