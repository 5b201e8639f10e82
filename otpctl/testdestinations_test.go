package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"streamotp/shared/otp"
)

const (
	testsARN  = "arn:tests"
	reviewer  = "reviewer@example.com"
	fixedCode = "171939"
)

// testDocument returns the document that a function would read.
func (s *stack) testDocument(t *testing.T) otp.TestDestinations {
	t.Helper()
	all, err := otp.ParseTestDestinations([]byte(s.tests.text()))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func in(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }

func (s *stack) addTest(code, destination string, args ...string) result {
	return s.run(code, append([]string{"test-destinations", "add", destination, "--code-stdin"}, args...)...)
}

func TestTestDestinationsAdd(t *testing.T) {
	t.Run("writes_what_a_function_takes", func(t *testing.T) {
		s := newStack(t)
		r := s.addTest(fixedCode+"\n", " Reviewer@Example.COM", "--until", in(30))
		r.want(t, exitOK, "Added "+reviewer, "until "+in(30)+"T00:00:00Z")
		s.silent(t, r, fixedCode)
		s.addTest("171 939", "+49 (151) 12345678", "--until", time.Now().Add(time.Hour).Format(time.RFC3339)).want(t, exitOK, "Added "+mobile)
		for _, destination := range []string{reviewer, mobile} {
			if code, ok := s.testDocument(t).Code(destination, 6, time.Now()); !ok || code != fixedCode {
				t.Errorf("%s has %q, %v", destination, code, ok)
			}
		}
		s.addTest("282747", reviewer, "--until", in(60)).want(t, exitOK, "Changed "+reviewer)
		if got := s.testDocument(t).Get(reviewer); got.Code != "282747" || got.Until != in(60)+"T00:00:00Z" {
			t.Errorf("changed to %+v", got)
		}
	})
	for name, c := range map[string]struct {
		destination, until, code string
		exit                     int
		says                     string
	}{
		"without_an_end":              {reviewer, "", fixedCode, exitUsage, "must have an end, as --until 20"},
		"of_an_end_that_is_none":      {reviewer, "soon", fixedCode, exitUsage, "--until must be a date or a time"},
		"of_a_past_end":               {reviewer, "2020-01-01", fixedCode, exitUsage, "is past"},
		"of_today":                    {reviewer, in(0), fixedCode, exitUsage, "is past"},
		"of_an_end_over_a_year_ahead": {reviewer, in(367), fixedCode, exitUsage, "over a year ahead: the latest is"},
		"of_no_destination":           {"reviewer", in(1), fixedCode, exitUsage, "must be an e-mail address"},
		"of_a_landline":               {landline, in(1), fixedCode, exitUsage, "must be a mobile number"},
		"of_a_short_code":             {reviewer, in(1), "17193", exitFailed, "must be 6 digits"},
		"of_a_code_of_other_lengths":  {reviewer, in(1), "1719391", exitFailed, "must be 6 digits"},
		"of_letters":                  {reviewer, in(1), "code17", exitFailed, "must be 6 digits"},
		"of_an_empty_code":            {reviewer, in(1), "", exitUsage, "stdin is empty"},
		"of_two_lines":                {reviewer, in(1), "171939\n171939", exitUsage, "stdin has more"},
		"of_equal_digits":             {reviewer, in(1), "000000", exitFailed, "choose another"},
		"of_a_run":                    {reviewer, in(1), "123456", exitFailed, "choose another"},
		"of_a_run_down":               {reviewer, in(1), "987654", exitFailed, "choose another"},
	} {
		t.Run("refuses_an_entry_"+name, func(t *testing.T) {
			s := newStack(t)
			args := []string{}
			if c.until != "" {
				args = append(args, "--until", c.until)
			}
			r := s.addTest(c.code, c.destination, args...)
			r.want(t, c.exit, c.says)
			if c.code != "" {
				s.silent(t, r, c.code)
			}
			if strings.Contains(s.bodies.String(), "PutSecretValue") || s.testDocument(t).Has(c.destination) {
				t.Error("C6: something was written")
			}
		})
	}
	t.Run("takes_no_code_as_an_argument", func(t *testing.T) {
		s := newStack(t)
		for _, arg := range []string{"--code=" + fixedCode, "-code=" + fixedCode, "--code " + fixedCode, "--code-stdin=" + fixedCode} {
			r := s.run("", append([]string{"test-destinations", "add", reviewer, "--until", in(1)}, strings.Fields(arg)...)...)
			r.want(t, exitUsage, "never an argument", "--code-stdin")
			s.silent(t, r, fixedCode)
		}
		if s.bodies.Len() != 0 {
			t.Error("AWS was called")
		}
	})
	t.Run("asks_for_the_code_without_showing_it", func(t *testing.T) {
		s := newStack(t)
		p := newPTY(t)
		r := s.at(ctx, t, p, true, []string{fixedCode + "\n", fixedCode + "\n"}, "test-destinations", "add", reviewer, "--until", in(1))
		r.want(t, exitOK, "New code: ", "The same again: ", "Added")
		if strings.Contains(p.shown()+r.stderr, fixedCode) {
			t.Error("C1: the code was shown")
		}
	})
}

func TestTestDestinationsOfTwoOperators(t *testing.T) {
	t.Run("are_all_written", func(t *testing.T) {
		s := newStack(t)
		var wait sync.WaitGroup
		for i := range 4 {
			wait.Go(func() {
				s.addTest(fixedCode, fmt.Sprintf("reviewer%d@example.com", i), "--until", in(1)).want(t, exitOK)
			})
		}
		wait.Wait()
		for i := range 4 {
			if !s.testDocument(t).Has(fmt.Sprintf("reviewer%d@example.com", i)) {
				t.Errorf("C6: the change of operator %d is lost", i)
			}
		}
	})
	t.Run("one_that_removes_and_one_that_adds_do_both", func(t *testing.T) {
		s := newStack(t)
		s.addTest(fixedCode, reviewer, "--until", in(1)).want(t, exitOK)
		var once sync.Once
		s.on(func(call string) string {
			if call == "PutSecretValue" {
				once.Do(func() {
					s.on(nil)
					s.run("", "test-destinations", "remove", reviewer).want(t, exitOK)
				})
			}
			return ""
		})
		s.addTest(fixedCode, "other@example.com", "--until", in(1)).want(t, exitOK)
		if all := s.testDocument(t); all.Has(reviewer) || !all.Has("other@example.com") {
			t.Error("C6: what was removed is there again")
		}
	})
	t.Run("that_never_end_are_given_up_and_say_what_it_may_be", func(t *testing.T) {
		s := newStack(t)
		s.addTest(fixedCode, reviewer, "--until", in(1)).want(t, exitOK)
		s.tests.put("first", `{"destinations":{}}`) // as if set back by hand
		s.addTest(fixedCode, "other@example.com", "--until", in(1)).want(t, exitFailed, "set back to an older version")
	})
}

func TestTestDestinationsList(t *testing.T) {
	s := newStack(t)
	s.run("", "test-destinations", "list").want(t, exitOK, "There are no test destinations.")
	s.addTest(fixedCode, reviewer, "--until", in(30)).want(t, exitOK)
	all := s.testDocument(t)
	for destination, entry := range map[string]otp.TestDestination{
		"old@example.com":      {Code: "282747", Until: "2020-01-01T00:00:00Z"},
		"endless@example.com":  {Code: "282747"},
		"far@example.com":      {Code: "282747", Until: in(800) + "T00:00:00Z"},
		"long@example.com":     {Code: "28274712", Until: in(30) + "T00:00:00Z"},
		"Capital@example.com":  {Code: "282747", Until: in(30) + "T00:00:00Z"},
		"esc@example.com\x1b[": {Code: "282747\x1b", Until: "\x1b"},
	} {
		var err error
		if all, err = all.With(destination, entry); err != nil {
			t.Fatal(err)
		}
	}
	document, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	s.tests.put("by hand", string(document))
	r := s.run("", "test-destinations", "list")
	r.want(t, exitOK)
	s.silent(t, r, fixedCode, "282747", "CODE\n", "\x1b")
	for destination, state := range map[string]string{reviewer: "works", "old@": "over", "endless@": "no end", "far@": "over a year ahead",
		"long@": "not 6 digits", "Capital@": "not spelled"} {
		for line := range strings.Lines(r.stdout) {
			if strings.HasPrefix(line, destination) && !strings.Contains(line, state) {
				t.Errorf("%s should say %q", line, state)
			}
		}
	}
	r = s.run("", "test-destinations", "list", "--codes")
	r.want(t, exitOK, "CODE\n", fixedCode, "28274712")
	s.silent(t, r, "\x1b")
	for _, destination := range []string{"Capital@example.com", "OLD@example.com"} {
		s.run("", "test-destinations", "remove", destination).want(t, exitOK, "Removed ")
	}
	if all := s.testDocument(t); all.Has("Capital@example.com") || all.Has("old@example.com") || !all.Has(reviewer) || !all.Has("far@example.com") {
		t.Error("the wrong ones were removed")
	}
}

func TestTestDestinationsFail(t *testing.T) {
	s := newStack(t)
	s.run("", "test-destinations", "remove", reviewer).want(t, exitFailed, "is no test destination", "list")
	s.tests.put("bad", `{"destinations":{"`+reviewer+`":{"code":"`+fixedCode)
	for _, r := range []result{s.run("", "test-destinations", "list"), s.run("", "test-destinations", "remove", reviewer),
		s.addTest(fixedCode, reviewer, "--until", in(1))} {
		r.want(t, exitFailed, "none of them works", "put-secret-value --secret-id "+testsARN)
		s.silent(t, r, fixedCode)
	}
	s.deny("GetSecretValue")
	s.run("", "test-destinations", "list").want(t, exitFailed, "may not call Secrets Manager GetSecretValue")
	s.on(nil)
	s.run("", "--stack", "old", "user", "list").want(t, exitOK)
	s.run("", "--stack", "old", "test-destinations", "list").want(t, exitFailed, "no output TestDestinationsSecretArn", "older than")
}
