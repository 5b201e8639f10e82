// Command pocketbase is PocketBase with one-time codes for its collection users. SMTP_PORT is the local port that takes its e-mails.
package main

import (
	"log"
	"os"
	"strconv"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

func main() {
	app := pocketbase.New()
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		if err := configure(e.App); err != nil {
			return err
		}
		return e.Next()
	})
	// Accounts are verified from the start: otherwise the first code also sets a new password, which costs another bcrypt.
	app.OnRecordCreate("users").BindFunc(func(e *core.RecordEvent) error {
		e.Record.SetVerified(true)
		return e.Next()
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

// configure turns the codes on. It writes nothing at a later start.
func configure(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil || users.OTP.Enabled {
		return err
	}
	port, err := strconv.Atoi(os.Getenv("SMTP_PORT"))
	if err != nil {
		return err
	}
	settings := app.Settings()
	settings.SMTP.Enabled, settings.SMTP.Host, settings.SMTP.Port = true, "127.0.0.1", port
	settings.Meta.SenderAddress = "codes@example.com"
	if err := app.Save(settings); err != nil {
		return err
	}
	users.OTP.Enabled, users.OTP.Length, users.OTP.Duration = true, 6, 300
	users.AuthAlert.Enabled = false // it would be a second e-mail
	return app.Save(users)
}
