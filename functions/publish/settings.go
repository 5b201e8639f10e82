package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"streamotp/shared/otp"
)

// invalidError says what is wrong with the resource's properties, by their names and without their values.
type invalidError struct{ text string }

func (e *invalidError) Error() string { return e.text }

// properties are those of the resource in template.yaml.
type properties struct {
	bucket, distribution string

	appName                   string
	codeLength, ttl, cooldown int // digits, seconds, seconds
	sms                       bool
	provider, siteKey         string // of the CAPTCHA
}

// readProperties reads what CloudFormation sends: every value is text. It ignores properties that it does not know.
//
// Errors: *invalidError, which names everything that is wrong.
func readProperties(raw map[string]any) (properties, error) {
	r := propertyReader{raw: raw}
	p := properties{
		bucket: r.some("BucketName"), distribution: r.some("DistributionId"),
		appName:    r.some("AppName"),
		codeLength: r.whole("CodeLength", 6, 10), ttl: r.whole("CodeTtlSeconds", 60, 600), cooldown: r.whole("ResendCooldownSeconds", 1, 600),
		sms:      r.text("AllowedCountries") != "",
		provider: r.text("CaptchaProvider"), siteKey: r.text("CaptchaSiteKey"),
	}
	if !slices.Contains([]string{"none", "recaptcha", "turnstile", "hcaptcha"}, p.provider) {
		r.problems = append(r.problems, "CaptchaProvider must be none, recaptcha, turnstile or hcaptcha")
	}
	if len(r.problems) > 0 {
		return p, &invalidError{strings.Join(r.problems, "; ")}
	}
	return p, nil
}

type propertyReader struct {
	raw      map[string]any
	problems []string
}

func (r *propertyReader) text(name string) string {
	text, ok := r.raw[name].(string)
	if !ok {
		r.problems = append(r.problems, name+" must be text")
	}
	return text
}

func (r *propertyReader) some(name string) string {
	text := r.text(name)
	if _, ok := r.raw[name].(string); ok && text == "" {
		r.problems = append(r.problems, name+" is empty")
	}
	return text
}

// whole reads a template's Number, which may have a fraction. It cuts the fraction off, as the functions do.
func (r *propertyReader) whole(name string, least, most float64) int {
	text, _ := r.raw[name].(string)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= least && n <= most) {
		r.problems = append(r.problems, fmt.Sprintf("%s must be a number from %g to %g", name, least, most))
	}
	return int(n)
}

// settingsFile returns config.json for this deployment. It starts with the site's own file, which may have settings that no
// parameter has, such as the version of a reCAPTCHA key.
func settingsFile(site fs.FS, p properties) ([]byte, error) {
	text, err := fs.ReadFile(site, "config.json")
	if err != nil {
		return nil, err
	}
	settings := map[string]any{}
	if err := json.Unmarshal(text, &settings); err != nil {
		return nil, err
	}
	settings["apiBaseUrl"] = "/api"
	settings["appName"] = p.appName
	settings["codeLength"] = p.codeLength
	settings["codeTtlSeconds"] = p.ttl
	settings["resendCooldownSeconds"] = p.cooldown
	settings["channels"] = channelsOf(p)
	settings["captcha"] = captcha(p, settings["captcha"])
	return json.MarshalIndent(settings, "", "  ")
}

// channelsOf returns the channels that the pages offer, whose destination people can type. Those to phone numbers need
// AllowedCountries.
func channelsOf(p properties) (names []otp.Channel) {
	for _, channel := range otp.Channels() {
		if channel.Field != "" && (channel.Kind == otp.EmailAddress || p.sms) {
			names = append(names, channel.Channel)
		}
	}
	return names
}

// captcha keeps the file's settings beside provider and key, if they are for the same provider.
func captcha(p properties, own any) any {
	if p.provider == "none" {
		return nil
	}
	settings, ok := own.(map[string]any)
	if !ok || settings["provider"] != p.provider {
		settings = map[string]any{"provider": p.provider}
	}
	settings["siteKey"] = p.siteKey
	return settings
}
