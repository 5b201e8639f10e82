package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"streamotp/shared/otp"
	"streamotp/shared/password"
)

const header = "email,name,phone,channel,password\n"

const byteOrderMark = "\uFEFF" // Excel writes it at the beginning of UTF-8

func (s *stack) importing(csv string, args ...string) result {
	return s.run(csv, append([]string{"user", "import", "-"}, args...)...)
}

func TestImportSkipsABadLine(t *testing.T) {
	s := newStack(t)
	for rule, c := range map[string]struct{ line, says string }{
		"without_an_address":                {",Eve,,email," + better, "e-mail"},
		"with_two_addresses":                {`"eve@example.com,eva@example.com",Eve,,email,` + better, "e-mail"},
		"with_a_header_injection":           {`"eve@example.com` + "\r" + `Bcc: eva@example.com",Eve,,email,` + better, "e-mail"},
		"with_a_weak_password":              {"eve@example.com,Eve,,email,hunter2", "fewer than 8"},
		"with_its_address_as_password":      {"evelyn@example.com,Eve,,email,evelyn 2024", "contains the account's address"},
		"with_a_number_that_is_none":        {"eve@example.com,Eve,0151 23456,email," + better, "country code"},
		"with_sms_to_a_landline":            {"eve@example.com,Eve," + landline + ",sms," + better, "mobile"},
		"with_sms_to_nowhere":               {"eve@example.com,Eve,,sms," + better, "sms needs a phone"},
		"with_an_unknown_channel":           {"eve@example.com,Eve,,pigeon," + better, "email or sms"},
		"with_an_escape_sequence_in_a_name": {"eve@example.com,\x1b[2J,,email," + better, "control characters"},
		"with_too_few_fields":               {"eve@example.com," + better, "2 fields and the header has 5"},
		"with_too_many_fields":              {"eve@example.com,Eve,,email," + better + ",x", "6 fields"},
		"with_an_open_quote":                {`eve@example.com,"Eve,,email,` + better, "quote is not closed"},
		"with_a_quote_inside":               {`eve@example.com,E"ve,,email,` + better, "quote"},
		"in_latin_1":                        {"eve@example.com,\xc9ve,,email," + better, "not UTF-8"},
		"that_is_endless":                   {"eve@example.com," + strings.Repeat("E", 200<<10) + ",,email," + better, "over 64 KiB"},
		"with_sms_to_another_country":       {"eve@example.com,Eve,+33612345678,sms," + better, "only to US, DE"},
	} {
		t.Run(rule, func(t *testing.T) {
			before := s.count(t)
			first, last := fmt.Sprintf("a%d@example.com", before), fmt.Sprintf("b%d@example.com", before)
			line := func(email string) string { return email + ",,,," + good + "\n" }
			r := s.importing(header + line(first) + c.line + "\n" + line(last))
			r.want(t, exitFailed, "line 3: ", c.says, "imported 2, skipped 1 of 3")
			s.silent(t, r, "eve@", "eva@", first, last, "hunter2", "evelyn", better, landline, "0151", "+336", "\x1b")
			if n := s.count(t); n != before+2 {
				t.Errorf("C4: %d accounts were written, want those of the previous and the next line", n-before)
			}
			s.wantPassword(t, first, good)
			s.wantPassword(t, last, good)
		})
	}
}

func TestImportRefusesAFile(t *testing.T) {
	s := newStack(t)
	row := "eve@example.com,Eve,,email," + better + "\n"
	for rule, c := range map[string]struct{ file, says string }{
		"that_is_empty":                  {"", "no header line"},
		"that_is_a_BOM":                  {byteOrderMark, "no header line"},
		"that_begins_with_an_empty_line": {"\n" + header + row, "no header line"},
		"without_a_header":               {row, "column 1"},
		"with_a_column_it_does_not_know": {"mail,password\neve@example.com," + better, `column 1 ("mail")`},
		"with_a_column_twice":            {"email,email,password\n", "column 2 is named email"},
		"without_email":                  {"name,password\n", "must have email"},
		"with_password_and_hash":         {"email,password,password_hash\n", "not both"},
		"of_Cognito":                     {"cognito:username,name,email,email_verified,cognito:mfa_enabled\n", `column 1 ("cognito:username"), 4 ("email_verified"), 5 ("cognito:mfa_enabled")`},
		"of_Auth0":                       {"user_id,email,logins_count\n", "--ignore-unknown"},
		"of_Supabase":                    {"instance_id,id,email,encrypted_password\n", "Rename it, remove it, or ignore"},
		"of_Firebase_without_a_header":   {"uid1,eve@example.com,true,aGFzaA==,c2FsdA==,Eve\n", "must name the columns"},
		"in_JSON":                        {`{"users": [{"email": "eve@example.com"}]}`, "is JSON"},
		"in_JSON_of_a_list":              {byteOrderMark + "[\n{\"email\": \"eve@example.com\"}]", "jq"},
		"with_semicolons":                {"email;name;password\neve@example.com;Eve;" + better, "semicolons"},
		"with_tabs":                      {"email\tpassword\neve@example.com\t" + better, "tabs"},
		"in_UTF_16":                      {"\xff\xfee\x00m\x00a\x00i\x00l\x00,\x00", "UTF-8"},
	} {
		t.Run(rule, func(t *testing.T) {
			r := s.importing(c.file)
			r.want(t, exitFailed, c.says)
			s.silent(t, r, better, "eve@example.com")
			if s.count(t) != 0 {
				t.Error("an account was written")
			}
		})
	}
	s.run("", "user", "import", filepath.Join(t.TempDir(), "none.csv")).want(t, exitFailed, "no such file")
	s.run("", "user", "import", t.TempDir()).want(t, exitFailed, "is a directory")
	s.run("", "user", "import").want(t, exitUsage, "takes FILE")
}

func TestImport(t *testing.T) {
	s := newStack(t)
	s.add(t, "old@example.com")
	file := filepath.Join(t.TempDir(), "users.csv")
	rows := byteOrderMark + "Password, Email ,phone,NAME,channel\r\n" + // columns in any order and case
		good + "," + " Ada@Example.com ,+49 151 12345678,\"Lovelace, \"\"Ada\"\"\",SMS\r\n" +
		"\r\n,,,,\r\n" + // as spreadsheets leave them
		good + ",old@example.com,,Eve,\r\n" +
		good + ",grace@example.com,,,\r\n" +
		better + ",ADA@example.com,,,\r\n" +
		`" ` + good + ` ",spaces@example.com,,,` // no line end
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.run("", "user", "import", file)
	r.want(t, exitFailed, "line 5: the account exists already", "line 7: it has the same address as line 2", "imported 3, skipped 2 of 5")
	s.silent(t, r, good, "example.com", "\x1b")
	if u := s.user(t, adasEmail); u.Name != `Lovelace, "Ada"` || u.Phone != mobile || u.Channel != otp.SMS {
		t.Errorf("wrote %+v", u)
	}
	if u := s.user(t, "grace@example.com"); u.Name != "" || u.Phone != "" || u.Channel != otp.Email {
		t.Errorf("wrote %+v", u)
	}
	s.wantPassword(t, adasEmail, good)
	s.wantPassword(t, "spaces@example.com", " "+good+" ")
	if s.user(t, "old@example.com").Name != "" {
		t.Error("C2: an account that exists was changed")
	}
	s.importing(header+"new@example.com,,,,"+good).want(t, exitOK, "imported 1, skipped 0 of 1")
	s.importing(header).want(t, exitOK, "imported 0, skipped 0 of 0")
}

func TestImportWithoutPasswords(t *testing.T) {
	s := newStack(t)
	ours, err := password.Hash(better)
	if err != nil {
		t.Fatal(err)
	}
	const bcrypt = "$2b$12$KIXQ4aV3mWvYw1G3pXhEUe5Rk0hYf8u0Zqf9r8o9v7QyGz1gq6a7W"
	s.add(t, adasEmail)
	wantNone := func(email string) {
		t.Helper()
		item := s.Item(t, s.Users, map[string]types.AttributeValue{"email": text(email)})
		if item == nil || item["passwordHash"] != nil || item["passwordChangedAt"] != nil {
			t.Errorf("%s is %v", email, item)
		}
	}
	for rule, c := range map[string]struct{ file, says string }{
		"no_column":    {"email,name\na@example.com,A\nb@example.com,B\n", "without a password: 2"},
		"empty_fields": {header + "c@example.com,,,,\nd@example.com,,,," + good + "\n", "without a password: 1"},
		"foreign_hashes": {"email,password_hash\ne@example.com," + bcrypt + "\nf@example.com,\"" + strings.Replace(ours, "m=19456", "m=19457", 1) +
			"\"\ng@example.com,\n", "without a password: 3; their owners set one by \"Forgot password\"\nwith a password_hash of another kind than StreamOTP's, which was left out: 2"},
		"our_hash":        {"email,password_hash\nh@example.com,\"" + ours + "\"\n", "imported 1"},
		"CRs_alone":       {strings.ReplaceAll(byteOrderMark+header+"i@example.com,,,,"+good+"\nj@example.com,,,,\n", "\n", "\r"), "imported 2, skipped 0 of 2"},
		"ignored_columns": {"cognito:username,email,,password,email_verified,\nu1,k@example.com,x," + good + ",true,y\n", "imported 1"},
	} {
		t.Run(rule, func(t *testing.T) {
			r := s.importing(c.file, "--ignore-unknown")
			r.want(t, exitOK, c.says)
			s.silent(t, r, good, "example.com", "$2b$")
		})
	}
	for _, email := range []string{"a@example.com", "b@example.com", "c@example.com", "e@example.com", "f@example.com", "g@example.com", "j@example.com"} {
		wantNone(email)
	}
	for _, email := range []string{"d@example.com", "i@example.com", "k@example.com"} {
		s.wantPassword(t, email, good)
	}
	s.wantPassword(t, "h@example.com", better)

	r := s.importing("email,name\nada@example.com,Ada\nnew@example.com,New\n", "--replace", "--json")
	r.want(t, exitOK, `"withoutPassword": 1`)
	s.wantPassword(t, adasEmail, good) // a line without a password removes none
	if s.user(t, adasEmail).Name != "Ada" || s.loginsEnded(t, adasEmail) {
		t.Error("a line without a password changed something else than the name")
	}
	s.importing("email,password_hash\nada@example.com,"+bcrypt+"\n", "--replace", "--dry-run").want(t, exitOK, "left out: 1")

	s.run("", "user", "add", adasEmail, "--no-password", "--replace").want(t, exitOK, "no password any more")
	if u := s.user(t, adasEmail); u.PasswordHash != "" || !s.loginsEnded(t, adasEmail) {
		t.Errorf("C3: left %+v", u)
	}
	s.run("", "user", "add", "grace@example.com", "--no-password").want(t, exitOK, "without a password")
	wantNone("grace@example.com")
	s.run("", "user", "add", "grace@example.com", "--no-password", "--replace").want(t, exitOK, "login sessions opened before are over")
	if !s.loginsEnded(t, "grace@example.com") {
		t.Error("C3: sessions of an account without a password stay open")
	}
	s.run(good, "user", "add", "x@example.com", "--no-password", "--password-stdin").want(t, exitUsage, "exclude each other")
	s.run("", "user", "set-phone", "grace@example.com", mobile, "--channel", "sms").want(t, exitOK)
	s.run("", "user", "remove", "grace@example.com", "--yes").want(t, exitOK)
}

func TestImportReplaces(t *testing.T) {
	s := newStack(t)
	s.add(t, adasEmail, "--name", "Ada", "--phone", mobile)
	s.importing(header+"ada@example.com,,,,"+better, "--replace").want(t, exitOK, "imported 1")
	if u := s.user(t, adasEmail); u.Name != "Ada" || u.Phone != mobile {
		t.Errorf("an empty field changed something: %+v", u)
	}
	s.wantPassword(t, adasEmail, better)
	if !s.loginsEnded(t, adasEmail) {
		t.Error("C3: an older login session goes on")
	}
}

func TestImportOfTheHashOnFileChangesNothing(t *testing.T) {
	s := newStack(t)
	s.add(t, adasEmail)
	before := s.user(t, adasEmail)
	s.importing("email,password_hash\nada@example.com,\""+before.PasswordHash+"\"\n", "--replace").want(t, exitOK)
	if s.user(t, adasEmail) != before || s.loginsEnded(t, adasEmail) {
		t.Error("a login session was ended for nothing")
	}
}

func TestImportDryRunWritesNothing(t *testing.T) {
	s := newStack(t)
	s.add(t, adasEmail)
	var writes atomic.Int32
	s.on(func(call string) string {
		if call == "PutItem" || call == "UpdateItem" || call == "DeleteItem" {
			writes.Add(1)
		}
		return ""
	})
	file := header + "ada@example.com,,,,x" + better + "\ngrace@example.com,,,," + good + "\nbad,,,," + good + "\n"
	s.importing(file, "--dry-run").want(t, exitFailed, "line 2: the account exists", "line 4: ", "would import 1, skip 2 of 3")
	s.importing(file, "--dry-run", "--replace").want(t, exitFailed, "would import 2, skip 1 of 3")
	if writes.Load() != 0 {
		t.Errorf("%d writes", writes.Load())
	}
	s.wantPassword(t, adasEmail, good)
}

func TestImportStopsWhereNoLineCanSucceed(t *testing.T) {
	s := newStack(t)
	s.deny("PutItem")
	rows := header
	for i := range 200 {
		rows += fmt.Sprintf("u%d@example.com,,,,%s\n", i, good)
	}
	r := s.importing(rows)
	r.want(t, exitFailed, "stopped at line 2: ", "may not call DynamoDB PutItem", "imported 0", "run it again")
	s.silent(t, r, "example.com", good)
	if strings.Count(r.stderr, "may not call") != 1 {
		t.Errorf("said it again and again:\n%s", r.stderr)
	}
	if n := strings.Count(s.bodies.String(), "passwordHash"); n > 3*16 {
		t.Errorf("tried %d of 200 lines", n)
	}
}

func TestImportInterrupted(t *testing.T) {
	s := newStack(t)
	r, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() })
	interrupted, interrupt := context.WithCancel(ctx)
	done := make(chan result)
	go func() {
		done <- runWith(interrupted, r, "--endpoint", s.url, "user", "import", "-")
	}()
	fmt.Fprint(w, header+"ada@example.com,,,,"+good+"\n")
	for s.count(t) == 0 {
		time.Sleep(time.Millisecond)
	}
	interrupt()
	got := <-done
	got.want(t, exitFailed, "imported 1, skipped 0 of 1", "interrupted", "run it again")
	s.wantPassword(t, adasEmail, good)
}

func TestImportKeepsTheFilesOrder(t *testing.T) {
	s := newStack(t)
	rows := header
	for i := range 60 {
		if i%3 == 0 {
			rows += "bad,,,," + good + "\n"
			continue
		}
		s.put(t, map[string]types.AttributeValue{"email": text(fmt.Sprintf("u%d@example.com", i)), "channel": text("email")})
		rows += fmt.Sprintf("u%d@example.com,,,,%s\n", i, good)
	}
	last := 0
	for _, line := range strings.Split(s.importing(rows).stderr, "\n") {
		var n int
		if _, err := fmt.Sscanf(line, "line %d:", &n); err != nil {
			continue
		}
		if n <= last {
			t.Errorf("line %d after %d", n, last)
		}
		last = n
	}
	if last != 61 {
		t.Errorf("the last line reported is %d", last)
	}
}

// TestImportReportsEachLine: the document of --json has everything that the report says about each line, and quotes
// nothing of the line.
func TestImportReportsEachLine(t *testing.T) {
	s := newStack(t)
	r := s.importing(header+"ada@example.com,,,,"+good+"\nnobody,,,,"+good+"\ngrace@example.com,,015112345678,,"+good, "--json")
	r.want(t, exitFailed, "line 3: e-mail", "line 4: phone")
	var report struct {
		Imported, Skipped int
		Errors            []struct{ Line int }
	}
	if err := json.Unmarshal([]byte(r.data(t)), &report); err != nil {
		t.Fatal(err)
	}
	if report.Imported != 1 || report.Skipped != 2 || len(report.Errors) != 2 || report.Errors[0].Line != 3 || report.Errors[1].Line != 4 {
		t.Errorf("reports %+v", report)
	}
	s.silent(t, r, good, "grace", "nobody", "0151123")
}
