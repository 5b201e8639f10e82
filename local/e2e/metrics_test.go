package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metric is one of the functions' metrics, with the value of the dimension that it is counted by.
type metric struct {
	Namespace  string      `yaml:"Namespace"`
	Name       string      `yaml:"MetricName"`
	Dimensions []dimension `yaml:"Dimensions"`
}

type dimension struct {
	Name  string `yaml:"Name"`
	Value string `yaml:"Value"`
}

func (m metric) String() string {
	words := []string{m.Name}
	for _, d := range m.Dimensions {
		words = append(words, d.Name, d.Value)
	}
	return strings.Join(words, " ")
}

// TestWatchedMetrics: the functions really count every metric that an alarm or the dashboard uses.
func TestWatchedMetrics(t *testing.T) {
	s := StartChanged(t, []Edit{{"functions/status/handler.go", "	request.Event.Session, request.Event.Subject,", "	panic(\"a mistake\")\n	request.Event.Session, request.Event.Subject,"}},
		"-parameter", "SendsPerHour=2", "-parameter", "SendsPerIpPerHour=0", "-parameter", "MaxAttempts=1", "-parameter", "SmsPrefixSends=4", "-parameter", withSignUp)
	newcomer, code := session(t, s, byCode("newcomer@example.com"), "newcomer@example.com")
	expect(t, s, "/api/verify", try(newcomer, code), 200, "")
	for _, purpose := range []string{"verify", "login", "reset"} { // each to its end, to a lock, to a limit, and as a robot
		ask, path := func(email string) fields { return fields{"email": email, "purpose": purpose} }, "/api/verify"
		answer := try
		if purpose == "login" {
			ask = func(email string) fields { return login(email, demoPassword) }
		}
		if purpose == "reset" {
			path, answer = "/api/reset", func(id, code string) fields {
				return fields{"sessionId": id, "code": code, "password": "violet meadow 7 kites"}
			}
		}
		id, code := session(t, s, ask("ada@example.com"), "ada@example.com")
		expect(t, s, path, answer(id, code), 200, "")
		expect(t, s, path, answer(id, code), 410, "code_used")
		id, code = session(t, s, ask("ada@example.com"), "ada@example.com")
		expect(t, s, path, answer(id, wrong(code)), 401, "wrong_code")
		expect(t, s, path, answer(id, code), 403, "locked")
		begun(t, s, ask("grace@example.com"))
		begun(t, s, ask("grace@example.com"))
		expect(t, s, "/api/generate", ask("grace@example.com"), 429, "too_many_requests")
		robot := ask("ada@example.com")
		robot["contact_me_by_fax_only"] = "x"
		begun(t, s, robot)
	}
	for i := 0; ; i++ { // SMS, until their prefix is paused
		if status, _, _ := s.Post("/api/generate", fields{"phone": numberOf(i)}); status != 200 {
			break
		}
	}
	id := begun(t, s, fields{"email": "bounce@simulator.amazonses.com"})
	begun(t, s, fields{"email": "complaint@simulator.amazonses.com"})
	until(t, Patience, "a bounce", func() bool { return slices.Contains(counted(t, s), "Bounced Channel email") })
	begun(t, s, fields{"email": "bounce@simulator.amazonses.com"})
	expect(t, s, "/api/status", fields{"sessionId": id}, 500, "internal")
	s.Fault(fields{"service": "ses", "action": "SendEmail", "error": "MessageRejected", "message": "Address blacklisted.", "count": 1})
	begun(t, s, fields{"email": "gone@example.com"})
	s.Fault(fields{"service": "sns", "action": "Publish", "error": "OptedOut", "count": 1})
	begun(t, s, fields{"phone": "+4915723456789"})
	until(t, Patience, "both refusals", func() bool {
		got := counted(t, s)
		return slices.Contains(got, "ProviderError Channel email") && slices.Contains(got, "ProviderError Channel sms")
	})
	s.Fault(fields{"service": "ses", "action": "SendEmail", "error": "SendingPausedException"})
	expireSoon(s, begun(t, s, fields{"email": "late@example.com"}))
	until(t, Patience, "a dead letter", func() bool { return slices.Contains(counted(t, s), "Undelivered") })
	s.ClearFaults()

	watched := watchedMetrics(t)
	for _, name := range []string{"ServerError", "Locked Purpose login", "DeliveryTime Channel email", "Sent Channel sms"} {
		if !slices.Contains(watched, name) {
			t.Errorf("%s is not read from the template: %v", name, watched)
		}
	}
	var missing []string
	t.Cleanup(func() { t.Logf("nothing counts %v", missing) })
	until(t, Patience, "every metric", func() bool {
		got := counted(t, s)
		missing = slices.DeleteFunc(slices.Clone(watched), func(name string) bool { return slices.Contains(got, name) })
		return len(missing) == 0
	})
}

// counted returns the metrics in the functions' logs.
func counted(t *testing.T, s *Stack) (names []string) {
	t.Helper()
	for _, e := range s.events() {
		for _, c := range e.embedded(t).CloudWatchMetrics {
			for _, m := range c.Metrics {
				for _, dimensions := range c.Dimensions {
					name := m.Name
					for _, d := range dimensions {
						name += fmt.Sprint(" ", d, " ", e[d])
					}
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// watchedMetrics returns the metrics of the template's alarms and dashboard.
func watchedMetrics(t *testing.T) (names []string) {
	t.Helper()
	var template struct {
		Resources map[string]struct {
			Properties struct {
				metric  `yaml:",inline"`
				Metrics []struct {
					MetricStat struct {
						Metric metric `yaml:"Metric"`
					} `yaml:"MetricStat"`
				} `yaml:"Metrics"`
				DashboardBody string `yaml:"DashboardBody"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := readTemplate(t).Decode(&template); err != nil {
		t.Fatal(err)
	}
	for _, r := range template.Resources {
		all := append(dashboardMetrics(t, r.Properties.DashboardBody), r.Properties.metric)
		for _, m := range r.Properties.Metrics {
			all = append(all, m.MetricStat.Metric)
		}
		for _, m := range all {
			if strings.HasPrefix(m.Namespace, "StreamOTP/") && !slices.Contains(names, m.String()) {
				names = append(names, m.String())
			}
		}
	}
	return names
}

// dashboardMetrics reads rows such as ["StreamOTP/x", "Sent", "Channel", "email"]. In ["...", "sms"], the rest is as in
// the row before.
func dashboardMetrics(t *testing.T, body string) (all []metric) {
	t.Helper()
	if body == "" {
		return nil
	}
	var dashboard struct {
		Widgets []struct{ Properties struct{ Metrics [][]any } }
	}
	if err := json.Unmarshal([]byte(regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(body, "x")), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, w := range dashboard.Widgets {
		var row []string
		for _, cells := range w.Properties.Metrics {
			var words []string
			for _, cell := range cells {
				if word, ok := cell.(string); ok {
					words = append(words, word)
				}
			}
			if words[0] == "..." {
				words = append(slices.Clone(row[:len(row)-len(words)+1]), words[1:]...)
			}
			row = words
			m := metric{Namespace: row[0], Name: row[1]}
			for i := 2; i+1 < len(row); i += 2 {
				m.Dimensions = append(m.Dimensions, dimension{row[i], row[i+1]})
			}
			all = append(all, m)
		}
	}
	return all
}
