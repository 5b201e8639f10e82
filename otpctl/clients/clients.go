// Package clients has the commands for clients, which are the applications that rely on StreamOTP's proofs, and for the key that signs
// the proofs.
package clients

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"streamotp/otpctl/console"
	"streamotp/otpctl/deployed"
	"streamotp/shared/otp"
	"streamotp/shared/store"
)

// settings are what an operator decides about a client.
type settings struct {
	name              string
	purposes, origins []string
	homeURL           string

	redirectURIs, postLogoutURIs []string
	logins                       []string
	noPKCE                       bool
	apiAudience                  string

	flags *pflag.FlagSet // those that were given
}

func (s *settings) declare(flags *pflag.FlagSet) {
	s.flags = flags
	flags.StringSliceVar(&s.purposes, "purpose", nil, "`PURPOSES` of the client's proofs: login, passwordless, verify, or several as login,verify")
	flags.StringArrayVar(&s.origins, "origin", nil, "origin `URL` of the client's pages, such as https://www.example.com; one flag for each")
	flags.StringVar(&s.homeURL, "home-url", "", "`URL` of the application's page to which the deployment's own login page links after a login")
	flags.StringArrayVar(&s.redirectURIs, "redirect-uri", nil, "`URL` to which hosted login may return people; give the flag once for each")
	flags.StringArrayVar(&s.postLogoutURIs, "post-logout-uri", nil, "`URL` to which a logout may return people; give the flag once for each")
	flags.StringSliceVar(&s.logins, "login", nil, "`WAYS` to log in: password+code (the default), code, or both as password+code,code")
	flags.BoolVar(&s.noPKCE, "no-pkce", false, "accept logins without PKCE, for a server whose library does not have it")
	flags.StringVar(&s.apiAudience, "api-audience", "", "`URI` of the API that the access tokens are for; the tokens are then JWTs")
}

// nameForm is that of AppName: what fits into one SMS.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 .,&'-]{0,23}$`)

// apply checks the settings that were given, and changes a client to them. Its other settings stay as they are.
//
// Errors: console.UsageError.
func (s *settings) apply(c *otp.Client) error {
	if s.name != "" {
		if !nameForm.MatchString(s.name) {
			return console.UsageErrorf("the name must be 1 to 24 letters, digits, spaces or . , & ' - and begin with a letter or digit: messages show it")
		}
		c.Name = s.name
	}
	if s.purposes != nil {
		c.Purposes = nil
		for _, p := range s.purposes {
			purpose := otp.Purpose(p)
			if purpose != otp.Login && purpose != otp.Passwordless && purpose != otp.Verify {
				return console.UsageErrorf("--purpose must be login, passwordless, verify or several, as login,verify")
			}
			c.Purposes = append(c.Purposes, purpose)
		}
		c.Purposes = distinct(c.Purposes)
	}
	if s.origins != nil {
		c.Origins = nil
		for _, origin := range s.origins {
			if origin == "" { // an empty origin removes all origins
				continue
			}
			if !isOrigin(origin) {
				return console.UsageErrorf("--origin must be a page's origin, as https://www.example.com: lower case, without a path or a slash at its end")
			}
			c.Origins = append(c.Origins, origin)
		}
	}
	if s.flags.Changed("home-url") {
		if s.homeURL != "" && !otp.IsPageURL(s.homeURL) {
			return console.UsageErrorf("--home-url must be %s", pageURL)
		}
		c.HomeURL = s.homeURL
	}
	if err := s.applyHosted(c); err != nil {
		return err
	}
	return check(*c)
}

// applyHosted checks the settings of hosted login that were given, and changes a client to them.
//
// Errors: console.UsageError.
func (s *settings) applyHosted(c *otp.Client) error {
	for _, list := range []struct {
		flag  string
		given []string
		held  *[]string
	}{{"redirect-uri", s.redirectURIs, &c.RedirectURIs}, {"post-logout-uri", s.postLogoutURIs, &c.PostLogoutURIs}} {
		if list.given == nil {
			continue
		}
		*list.held = slices.DeleteFunc(slices.Clone(list.given), func(uri string) bool { return uri == "" }) // '' removes all
		for _, uri := range *list.held {
			if !otp.IsPageURL(uri) {
				return console.UsageErrorf("--%s must be %s", list.flag, pageURL)
			}
		}
	}
	if s.logins != nil {
		c.Logins = nil
		for _, way := range s.logins {
			i := slices.IndexFunc(ways, func(w loginWay) bool { return w.name == way })
			if i < 0 {
				return console.UsageErrorf("--login must be password+code, code or both, as password+code,code")
			}
			c.Logins = append(c.Logins, ways[i].purpose)
		}
		c.Logins = distinct(c.Logins)
	}
	if s.flags.Changed("no-pkce") {
		c.NoPKCE = s.noPKCE
	}
	if s.flags.Changed("api-audience") {
		if s.apiAudience != "" && !otp.IsAPIAudience(s.apiAudience) {
			return console.UsageErrorf("--api-audience must be a whole URI, as https://api.example.com, without #")
		}
		c.APIAudience = s.apiAudience
	}
	return nil
}

// distinct returns the purposes in their order, each once.
func distinct(purposes []otp.Purpose) []otp.Purpose {
	slices.Sort(purposes)
	return slices.Compact(purposes)
}

// loginWay is a way to log in on StreamOTP's own pages, with the purpose of its code.
type loginWay struct {
	name    string
	purpose otp.Purpose
}

var ways = []loginWay{{"password+code", otp.Login}, {"code", otp.Passwordless}}

// loginsOf returns the names of the ways to log in to a client of hosted login, and an empty list for any other client.
func loginsOf(c otp.Client) []string {
	names := []string{}
	for _, way := range ways {
		if c.Hosted() && slices.Contains(c.LogsInBy(""), way.purpose) {
			names = append(names, way.name)
		}
	}
	return names
}

// check checks the settings of a client against each other.
//
// Errors: console.UsageError.
func check(c otp.Client) error {
	proofs, tokens := len(c.Purposes) > 0, len(c.RedirectURIs) > 0
	switch {
	case proofs && tokens:
		return console.UsageErrorf("--purpose and --redirect-uri exclude each other: a client gets proofs or tokens, so add a second client, or remove one with --purpose '' or --redirect-uri ''")
	case !proofs && !tokens:
		return console.UsageErrorf("--purpose is missing: login, passwordless, verify or several, as login,verify; or --redirect-uri for a client of hosted login")
	case !tokens && (len(c.PostLogoutURIs) > 0 || len(c.Logins) > 0 || c.NoPKCE || c.APIAudience != ""):
		return console.UsageErrorf("--post-logout-uri, --login, --no-pkce and --api-audience are for a client of hosted login: add --redirect-uri")
	case c.NoPKCE && c.Type != otp.ConfidentialClient:
		return console.UsageErrorf("--no-pkce is for a confidential client only: a public one has no other protection of its code")
	}
	return nil
}

// pageURL says what otp.IsPageURL accepts.
const pageURL = "the whole URL of a page, as https://www.example.com/: https, or http for this machine alone, without a user name or #, and percent-encoded"

// isOrigin reports whether a text is an origin as a browser sends it (RFC 6454 6.1).
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && text == u.Scheme+"://"+strings.ToLower(u.Host) && otp.IsSecure(u)
}

// AddCommand returns "otpctl client add".
func AddCommand(c *console.Console) *cobra.Command {
	var s settings
	var confidential bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Adds an application, and prints its id.",
		Long: `Adds a client: an application that relies on what StreamOTP proves. Messages with its codes show NAME.
A public client runs in browsers or apps and has only an id. With --confidential the client is a server and also gets a
secret, which is printed once. With --origin, only pages of these origins may request the client's codes. If exactly one
client has a --home-url, the deployment's login page links to it.

With --redirect-uri people log in on StreamOTP's own pages, by OpenID Connect; such a client has no --purpose. URLs must
match to the byte; a public client may use any port on 127.0.0.1 or [::1].`,
		Example: `  otpctl client add Shop --purpose login --origin https://shop.example --home-url https://shop.example/
  otpctl client add Shop --redirect-uri https://shop.example/callback --confidential`,
		Annotations: console.Facts("dynamodb:PutItem",
			`{"id":"4fJ2vX0t2mJc5n1v0yq3-w","name":"Shop","type":"confidential","purposes":["login"],"origins":[],
 "homeUrl":"","redirectUris":[],"postLogoutUris":[],"logins":[],"noPkce":false,"apiAudience":"",
 "createdAt":"2026-11-28T15:00:00Z","secrets":1,"secret":"…"}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			s.name = args[0]
			return add(ctx, c, d, s, confidential)
		}),
	}
	s.declare(cmd.Flags())
	cmd.Flags().BoolVar(&confidential, "confidential", false, "the application is a server, which can keep a secret")
	return cmd
}

func add(ctx context.Context, c *console.Console, d *deployed.Stack, s settings, confidential bool) error {
	client := otp.Client{Type: otp.PublicClient, CreatedAt: d.Clock.Now()}
	if confidential {
		client.Type = otp.ConfidentialClient
	}
	if err := s.apply(&client); err != nil {
		return err
	}
	if err := notIssuer(d, client); err != nil {
		return err
	}
	var secret string
	var err error
	if client.ID, err = otp.NewClientID(rand.Reader); err != nil {
		return err
	}
	if confidential {
		if secret, err = otp.NewClientSecret(rand.Reader); err != nil {
			return err
		}
		client.SecretHashes = []string{otp.HashSecret(secret)}
	}
	if err := table(d).Add(ctx, client); err != nil {
		return err
	}
	return c.Answer(document(client, secret), func(w io.Writer) {
		console.Say("Added the client %s.\nid:     %s\n", client.Name, client.ID)(w)
		sayOnce(w, secret)
		sayCORS(w, d, client)
	})
}

// notIssuer rejects the site's own URL as an audience: a token for an API would pass as a proof for hosted login.
//
// Errors: console.UsageError.
func notIssuer(d *deployed.Stack, c otp.Client) error {
	if c.APIAudience != "" && c.APIAudience == d.Outputs["SiteUrl"] {
		return console.UsageErrorf("--api-audience must not be the URL of the login pages: name the API itself")
	}
	return nil
}

// sayOnce prints a new secret, if there is one.
func sayOnce(w io.Writer, secret string) {
	if secret != "" {
		console.Say("secret: %s\nThe secret is not shown again: store it now where only the server reads it.\n", secret)(w)
	}
}

// sayCORS says which of a client's origins the API does not allow yet.
func sayCORS(w io.Writer, d *deployed.Stack, client otp.Client) {
	allowed := slices.DeleteFunc(strings.Split(d.Parameters["AllowedOrigins"], ","), func(s string) bool { return s == "" })
	missing := slices.DeleteFunc(slices.Clone(client.Origins), func(origin string) bool {
		return slices.Contains(allowed, origin) || origin == d.Outputs["SiteUrl"]
	})
	if len(missing) > 0 {
		console.Say("The API does not allow pages of %s to call it yet:\n  sam deploy --parameter-overrides AllowedOrigins=%s\n",
			strings.Join(missing, " and "), strings.Join(append(allowed, missing...), ","))(w)
	}
}

// ListCommand returns "otpctl client list".
func ListCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Lists the applications.",
		Long:    "Lists the clients, by name. It shows no secrets, because only their hashes are stored.",
		Example: "  otpctl client list",
		Annotations: console.Facts("dynamodb:Scan", `[{"id":"4fJ2vX0t2mJc5n1v0yq3-w","name":"Shop","type":"public","purposes":["login"],"origins":[],
 "homeUrl":"","redirectUris":[],"postLogoutUris":[],"logins":[],"noPkce":false,"apiAudience":"",
 "createdAt":"2026-11-28T15:00:00Z","secrets":0}]`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, _ []string) error {
			if err := d.Need("ClientsTableName"); err != nil {
				return err
			}
			all := console.Sorted(table(d).List(ctx), func(otp.Client) bool { return true },
				func(a, b otp.Client) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
			header := []any{"ID", "NAME", "TYPE", "PURPOSES", "ORIGINS", "CREATED"}
			return console.List(c, "There is no client.", header, all, func(client otp.Client) (any, []any) {
				return document(client, ""), []any{client.ID, client.Name, client.Type, purposes(client), cmp.Or(strings.Join(client.Origins, ", "), "any"),
					console.UTC(client.CreatedAt)}
			})
		}),
	}
}

// ShowCommand returns "otpctl client show".
func ShowCommand(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Prints one application.",
		Long:    "Prints a client. It shows no secrets, because only their hashes are stored.",
		Example: "  otpctl client show 4fJ2vX0t2mJc5n1v0yq3-w",
		Annotations: console.Facts("dynamodb:GetItem", `{"id":"4fJ2vX0t2mJc5n1v0yq3-w","name":"Shop","type":"public","purposes":["login"],"origins":[],
 "homeUrl":"","redirectUris":[],"postLogoutUris":[],"logins":[],"noPkce":false,"apiAudience":"",
 "createdAt":"2026-11-28T15:00:00Z","secrets":0}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			client, err := find(ctx, d, args[0])
			if err != nil {
				return err
			}
			return c.Answer(document(client, ""), func(w io.Writer) {
				console.Say("id:       %s\nname:     %s\ntype:     %s\npurposes: %s\norigins:  %s\nhome URL: %s\ncreated:  %s\nsecrets:  %d\n", client.ID, client.Name,
					string(client.Type), purposes(client), cmp.Or(strings.Join(client.Origins, ", "), "any"), cmp.Or(client.HomeURL, "none"),
					console.UTC(client.CreatedAt), len(client.SecretHashes))(w)
				if client.Hosted() {
					pkce := map[bool]string{true: "required", false: "not required"}[client.NeedsPKCE()]
					console.Say("redirect: %s\nlogout:   %s\nlogin by: %s\nPKCE:     %s\nAPI:      %s\n", strings.Join(client.RedirectURIs, ", "),
						cmp.Or(strings.Join(client.PostLogoutURIs, ", "), "none"), strings.Join(loginsOf(client), ", "), pkce, cmp.Or(client.APIAudience, "none"))(w)
				}
			})
		}),
	}
}

// SetCommand returns "otpctl client set".
func SetCommand(c *console.Console) *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "set ID",
		Short: "Changes what an application may do, or its name.",
		Long: `Changes a client. A setting whose flag you omit stays as it is. A flag that may have several values replaces all earlier
ones. --origin '' allows pages of any origin, and any other flag with '' removes the setting. The functions use the
change within a minute. The pages use a new home URL within two minutes.`,
		Example: "  otpctl client set 4fJ2vX0t2mJc5n1v0yq3-w --purpose login,verify",
		Annotations: console.Facts("dynamodb:GetItem dynamodb:PutItem", `{"id":"4fJ2vX0t2mJc5n1v0yq3-w","name":"Shop","type":"public","purposes":["login","verify"],"origins":[],
 "homeUrl":"","redirectUris":[],"postLogoutUris":[],"logins":[],"noPkce":false,"apiAudience":"",
 "createdAt":"2026-11-28T15:00:00Z","secrets":0}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			return change(ctx, c, d, args[0], "", func(client *otp.Client) error {
				if err := s.apply(client); err != nil {
					return err
				}
				return notIssuer(d, *client)
			})
		}),
	}
	s.declare(cmd.Flags())
	cmd.Flags().StringVar(&s.name, "name", "", "`NAME` that messages show")
	return cmd
}

// RotateSecretCommand returns "otpctl client rotate-secret".
func RotateSecretCommand(c *console.Console) *cobra.Command {
	var end bool
	cmd := &cobra.Command{
		Use:   "rotate-secret ID",
		Short: "Gives an application a new secret, beside its present secret.",
		Long: `Gives a confidential client a new secret, which is printed once. The present secret stays valid, so that you can change
the server without an interruption; any older secret ends. Then run the command with --end, which ends the older of the
two secrets and makes no new one. After a leak, run both commands at once. The functions use the change within a minute.`,
		Example: "  otpctl client rotate-secret 4fJ2vX0t2mJc5n1v0yq3-w\n  otpctl client rotate-secret 4fJ2vX0t2mJc5n1v0yq3-w --end",
		Annotations: console.Facts("dynamodb:GetItem dynamodb:PutItem", `{"id":"4fJ2vX0t2mJc5n1v0yq3-w","name":"Shop","type":"confidential","purposes":["login"],"origins":[],
 "homeUrl":"","redirectUris":[],"postLogoutUris":[],"logins":[],"noPkce":false,"apiAudience":"",
 "createdAt":"2026-11-28T15:00:00Z","secrets":2,"secret":"…"}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			secret, err := otp.NewClientSecret(rand.Reader)
			if err != nil {
				return err
			}
			if end {
				secret = ""
			}
			return change(ctx, c, d, args[0], secret, func(client *otp.Client) error {
				if client.Type != otp.ConfidentialClient {
					return fmt.Errorf("the client %s is public: it has no secret", client.ID)
				}
				if !end {
					client.SecretHashes = append([]string{otp.HashSecret(secret)}, client.SecretHashes...)[:min(2, len(client.SecretHashes)+1)]
					return nil
				}
				client.SecretHashes = client.SecretHashes[:min(1, len(client.SecretHashes))]
				return nil
			})
		}),
	}
	cmd.Flags().BoolVar(&end, "end", false, "end the older of two secrets, and make no new one")
	return cmd
}

// RemoveCommand returns "otpctl client remove".
func RemoveCommand(c *console.Console) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Removes an application.",
		Long: `Removes a client, after a confirmation at the terminal or with --yes. After a minute nobody can request a code for it
any more.`,
		Example:     "  otpctl client remove 4fJ2vX0t2mJc5n1v0yq3-w",
		Annotations: console.Facts("dynamodb:GetItem dynamodb:DeleteItem", `{"id":"4fJ2vX0t2mJc5n1v0yq3-w"}`),
		RunE: deployed.Run(c, func(ctx context.Context, d *deployed.Stack, args []string) error {
			client, err := find(ctx, d, args[0])
			if err != nil {
				return err
			}
			if err := c.Confirm(ctx, yes, fmt.Sprintf("Remove the client %q (%s)?", client.Name, client.ID), "nothing was removed"); err != nil {
				return err
			}
			if err := table(d).Remove(ctx, client.ID); err != nil && !errors.Is(err, store.ErrNoClient) {
				return err
			}
			return c.Answer(console.Object{"id": client.ID}, console.Say("Removed the client %s. Functions may know it for a minute longer.\n", client.ID))
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "remove without asking")
	return cmd
}

func table(d *deployed.Stack) store.Clients {
	return store.Clients{DB: d.Users.DB, Table: d.Outputs["ClientsTableName"]}
}

func find(ctx context.Context, d *deployed.Stack, id string) (otp.Client, error) {
	if err := d.Need("ClientsTableName"); err != nil {
		return otp.Client{}, err
	}
	client, err := table(d).Get(ctx, id)
	if errors.Is(err, store.ErrNoClient) {
		return client, errors.New("there is no client with this id: see otpctl client list")
	}
	return client, err
}

// change reads a client, changes it and writes it back. secret is the new one, or "".
func change(ctx context.Context, c *console.Console, d *deployed.Stack, id, secret string, to func(*otp.Client) error) error {
	held, err := find(ctx, d, id)
	if err != nil {
		return err
	}
	wanted := held
	if err := to(&wanted); err != nil {
		return err
	}
	if err := table(d).Replace(ctx, held, wanted); errors.Is(err, store.ErrNoClient) {
		return errors.New("the client was changed or removed meanwhile, and nothing was written: see otpctl client show, then run it again")
	} else if err != nil {
		return err
	}
	return c.Answer(document(wanted, secret), func(w io.Writer) {
		console.Say("Changed the client %s.\n", wanted.Name)(w)
		sayOnce(w, secret)
		sayCORS(w, d, wanted)
	})
}

// document returns a client as --json shows it, with a secret that was just made.
func document(c otp.Client, secret string) console.Object {
	o := console.Object{"id": c.ID, "name": c.Name, "type": c.Type, "purposes": append([]otp.Purpose{}, c.Purposes...), "origins": append([]string{}, c.Origins...),
		"homeUrl": c.HomeURL, "redirectUris": append([]string{}, c.RedirectURIs...), "postLogoutUris": append([]string{}, c.PostLogoutURIs...), "logins": loginsOf(c),
		"noPkce": c.NoPKCE, "apiAudience": c.APIAudience, "createdAt": console.ShownTime(c.CreatedAt), "secrets": len(c.SecretHashes)}
	if secret != "" {
		o["secret"] = secret
	}
	return o
}

// purposes returns what a client is for, in words.
func purposes(c otp.Client) string {
	if c.Hosted() {
		return "hosted login"
	}
	texts := make([]string, len(c.Purposes))
	for i, p := range c.Purposes {
		texts[i] = string(p)
	}
	return strings.Join(texts, ", ")
}
