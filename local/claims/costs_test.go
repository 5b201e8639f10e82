package claims

import (
	"bytes"
	"compress/gzip"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

var (
	figure      = regexp.MustCompile(`\$[0-9][0-9,]*(?:\.[0-9]+)?`)
	costCommand = regexp.MustCompile("`(otpctl cost[^`]*)`")
	paragraph   = regexp.MustCompile(`\n\n|\n- |\n\|`)
)

// otpctl runs the command line that a document shows.
type otpctl struct {
	t      *testing.T
	binary string
}

func newOtpctl(t *testing.T) *otpctl {
	t.Helper()
	o := &otpctl{t, filepath.Join(t.TempDir(), "otpctl")}
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", o.binary, "streamotp/otpctl").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return o
}

func (o *otpctl) run(line string) string {
	o.t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(o.binary, strings.Fields(line)[1:]...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		o.t.Fatalf("%s: %v: %s", line, err, stderr.String())
	}
	return string(out)
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var update = flag.Bool("update", false, "rewrite the figures of docs/costs.md and README.md")

// rewrite puts the figures that otpctl prints now into the documents. Their author has to check the sentences around
// them.
func rewrite(o *otpctl) {
	total := func(command, row string) string {
		return regexp.MustCompile(`(?m)^` + row + ` .*?(\$[\d,.]+)$`).FindStringSubmatch(o.run(command))[1]
	}
	replace := func(text, pattern, row string) string {
		return regexp.MustCompile(pattern).ReplaceAllStringFunc(text, func(match string) string {
			command := costCommand.FindStringSubmatch(match)[1]
			return strings.Replace(match, figure.FindString(match), total(command, row), 1)
		})
	}
	doc := read(o.t, "docs", "costs.md")
	for command, shown := range shownOutputs(doc) {
		indent := func(text string) string {
			return regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(text, "    $1")
		}
		doc = strings.Replace(doc, indent(shown), indent(trimmed(o.run(command))), 1)
	}
	doc = replace(doc, `(?m)^\| by .*`+"`otpctl cost[^`]*` "+`\|$`, "StreamOTP, with the idle part")
	doc = replace(doc, `\$[\d,.]+\s+by\s+`+"`otpctl cost[^`]*`", "all")
	readme := replace(read(o.t, "README.md"), `\$[\d,.]+ a month by `+"`otpctl cost[^`]*`", "StreamOTP, with the idle part")
	for path, text := range map[string]string{"docs/costs.md": doc, "README.md": readme} {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
}

// TestCostsDoc: the output that docs/costs.md shows for a command is what the command prints. Each other figure is
// printed by a command of the same paragraph, row or point, or is one of the prices. The same holds for README's line on
// costs.
func TestCostsDoc(t *testing.T) {
	o := newOtpctl(t)
	if *update {
		rewrite(o)
	}
	doc := read(t, "docs", "costs.md")
	blocks := 0
	for command, shown := range shownOutputs(doc) {
		blocks++
		if got := trimmed(o.run(command)); got != shown {
			t.Errorf("%s prints\n%s\nnot\n%s", command, got, shown)
		}
	}
	_, costs, _ := strings.Cut(read(t, "README.md"), "\n## Costs\n")
	costs, _, _ = strings.Cut(costs, "\n## ")
	if known := checkFigures(o, doc); blocks == 0 || known < 20 {
		t.Errorf("%d blocks and %d figures: nothing was compared", blocks, known)
	}
	if checkFigures(o, costs) == 0 {
		t.Error("README's Costs have no figure")
	}
}

// checkFigures fails the test for each amount in the prose that no command prints. It returns the number of the others.
func checkFigures(o *otpctl, text string) (known int) {
	prices := o.run("otpctl cost --prices")
	for _, part := range paragraph.Split(text, -1) {
		printed := prices
		for _, command := range costCommand.FindAllStringSubmatch(part, -1) {
			printed += o.run(command[1])
		}
		amounts := map[string]bool{}
		for _, amount := range figure.FindAllString(printed, -1) {
			amounts[amount] = true
		}
		if strings.HasPrefix(part, "    ") {
			continue // output of a command
		}
		for _, amount := range figure.FindAllString(part, -1) {
			if !amounts[amount] {
				o.t.Errorf("%s is printed by no command of: %s", amount, part)
			}
			known++
		}
	}
	return known
}

// shownOutputs returns the indented blocks that begin with a command after a $.
func shownOutputs(doc string) map[string]string {
	all := map[string]string{}
	command := ""
	for _, line := range strings.Split(doc, "\n") {
		text, indented := strings.CutPrefix(line, "    ")
		if next, ok := strings.CutPrefix(text, "$ "); ok && indented {
			command = next
		} else if command != "" && (indented || line == "") {
			all[command] += text + "\n"
		} else {
			command = ""
		}
	}
	for command, text := range all {
		all[command] = trimmed(text)
	}
	return all
}

// trimmed removes what a document does not keep: blanks at the ends of lines.
func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// TestCostsCountTheTemplate: the costs of a stack without any code cover exactly what the template creates.
func TestCostsCountTheTemplate(t *testing.T) {
	var template struct {
		Globals struct {
			Function struct {
				MemorySize int `yaml:"MemorySize"`
			} `yaml:"Function"`
		} `yaml:"Globals"`
		Resources map[string]struct {
			Type       string `yaml:"Type"`
			Condition  string `yaml:"Condition"`
			Properties struct {
				Metrics []struct {
					MetricStat any `yaml:"MetricStat"`
				} `yaml:"Metrics"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "template.yaml")), &template); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range template.Resources {
		switch {
		case r.Condition == "HasSignUpAlarm": // not estimated
		case r.Type == "AWS::CloudWatch::Alarm" && len(r.Properties.Metrics) == 0:
			count["metrics in alarms"]++
		case r.Type == "AWS::CloudWatch::Alarm":
			for _, m := range r.Properties.Metrics {
				if m.MetricStat != nil { // the others are expressions
					count["metrics in alarms"]++
				}
			}
		case r.Type == "AWS::CloudWatch::Dashboard":
			count["dashboards"]++
		case r.Type == "AWS::KMS::Key":
			count["signing keys"]++
		case r.Type == "AWS::SecretsManager::Secret" && r.Condition == "HasCaptcha":
			count["secrets, with a CAPTCHA"]++
		case r.Type == "AWS::SecretsManager::Secret":
			count["secrets"]++
		}
	}
	idle := newOtpctl(t).run("otpctl cost --idle")
	for what, n := range count {
		line := regexp.MustCompile(`(?m), ` + what + ` +([0-9,]+) a month`).FindStringSubmatch(idle)
		if line == nil || line[1] != strconv.Itoa(n) {
			t.Errorf("template.yaml has %d %s; otpctl/cost/estimate.go counts %v", n, what, line)
		}
	}
	if len(count) != 5 {
		t.Errorf("counted %v", count)
	}
	if template.Globals.Function.MemorySize != 512 {
		t.Errorf("functions have %d MiB; otpctl/cost/estimate.go counts with 512", template.Globals.Function.MemorySize)
	}
}

// TestCostsCountThePage: the files and bytes of a first visit are those that the login page loads, according to its tags
// and imports.
func TestCostsCountThePage(t *testing.T) {
	links := regexp.MustCompile(`(?:src|href)="([^":]+\.(?:js|css|svg))"|(?:from|import) '\./([^']+)'`)
	files, size := map[string]bool{"index.html": true, "config.json": true}, 0
	for queue := []string{"index.html", "config.json"}; len(queue) > 0; queue = queue[1:] {
		text := read(t, "frontend", queue[0])
		var compressed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
		size += compressed.Len()
		for _, link := range links.FindAllStringSubmatch(text, -1) {
			if name := link[1] + link[2]; !files[name] {
				files[name] = true
				queue = append(queue, name)
			}
		}
	}
	counted := regexp.MustCompile(`(?m)^\tpageFiles, pageBytes += (\d+), (\d+)`).FindStringSubmatch(read(t, "otpctl", "cost", "estimate.go"))
	n, _ := strconv.Atoi(counted[1])
	counts, _ := strconv.Atoi(counted[2])
	if n != len(files) || counts < size*95/100 || counts > size*105/100 {
		t.Errorf("the login page loads %d files of %d bytes together; otpctl/cost/estimate.go counts %v", len(files), size, counted[1:])
	}
}

// TestCostsCountTheAccessLog: the assumed length of a line is that of the template's format, filled in with the longest
// usual values.
func TestCostsCountTheAccessLog(t *testing.T) {
	format := regexp.MustCompile(`(?m)^ +Format: '(\{"timestamp".*\})'$`).FindStringSubmatch(read(t, "template.yaml"))
	counted := regexp.MustCompile(`(?m)^\taccessBytes += (\d+)`).FindStringSubmatch(read(t, "otpctl", "cost", "estimate.go"))
	if format == nil || counted == nil {
		t.Fatalf("format %q, counted %q", format, counted)
	}
	values := map[string]string{
		"requestTimeEpoch": "1795887100123", "requestId": "JKJaXmPLvHcESHA=", "identity.sourceIp": "2001:db8:85a3:8d3:1319:8a2e:370:7348",
		"httpMethod": "POST", "routeKey": "POST /generate", "status": "200", "responseLength": "52", "responseLatency": "148",
		"integrationErrorMessage": "-", // as API Gateway writes a missing value
	}
	line := regexp.MustCompile(`\$context\.([a-zA-Z.]+)`).ReplaceAllStringFunc(format[1], func(variable string) string {
		value, ok := values[strings.TrimPrefix(variable, "$context.")]
		if !ok {
			t.Errorf("the test has no value of %s", variable)
		}
		return value
	})
	if bytes, err := strconv.Atoi(counted[1]); err != nil || len(line) > bytes || len(line) < bytes-10 {
		t.Errorf("a line has %d bytes, otpctl/cost/estimate.go counts %s: %s", len(line), counted[1], line)
	}
}

// TestCostsCountWhatIsMeasured: the request units are those in the tables of README and bench/README.md, which `make bench` measures, and
// the metrics are all that the functions can write.
func TestCostsCountWhatIsMeasured(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\| default limits \| [^|]+ \| ([0-9]+), ([0-9.]+) \| [^|]+ \| ([0-9]+), ([0-9.]+) \|$`).FindStringSubmatch(read(t, "README.md"))
	if row == nil {
		t.Fatal("README has no row of request units")
	}
	hosted := regexp.MustCompile(`(?m)^\| hosted login by e-mail \| ([0-9]+) \| ([0-9.]+) \|`).FindStringSubmatch(read(t, "bench", "README.md"))
	if hosted == nil {
		t.Fatal("bench/README.md has no row of a hosted login")
	}
	byBoth, byEmail, found := strings.Cut(read(t, "shared", "telemetry", "event.go"), "// Only for e-mail, and only by channel.")
	name := regexp.MustCompile(`(?m)^\t[A-Z]\w+\s+= "[A-Z]\w+"`)
	watched := regexp.MustCompile(`(?m)^var watched = \[\]string\{(.*)\}$`).FindStringSubmatch(byEmail)
	if watched == nil {
		t.Fatal("shared/telemetry does not say which metrics also exist without a dimension")
	}
	// Two of the names after those are not estimated: an event without a metric, and SignedUp. One is counted by two purposes. The purpose
	// passwordless is not estimated either.
	metrics := len(name.FindAllString(byBoth, -1))*(2+3) + len(name.FindAllString(byEmail, -1)) - 2 + 1 + strings.Count(watched[1], ",") + 1
	if !found {
		t.Fatal("shared/telemetry does not say which metrics exist only for e-mail")
	}
	o := newOtpctl(t)
	for command, units := range map[string][]string{
		"otpctl cost --codes 1000000":                            {row[1], row[2]},
		"otpctl cost --codes 1000000 --sms-share 1 --country DE": {row[3], row[4]},
		"otpctl cost --codes 1000000 --hosted":                   {hosted[1], hosted[2]},
	} {
		out := o.run(command)
		for i, what := range []string{"writes", "reads"} {
			if !regexp.MustCompile(`(?m)^DynamoDB, on-demand ` + what + ` +` + millions(units[i]) + ` units`).MatchString(out) {
				t.Errorf("%s: README has %s units of %s for a code:\n%s", command, units[i], what, out)
			}
		}
		if !strings.Contains(out, strconv.Itoa(metrics)+" a month *") {
			t.Errorf("%s: there are %d metrics at most", command, metrics)
		}
	}
}

// millions returns a number in millions as a whole number, such as 3,500,000 for 3.5.
func millions(n string) string {
	whole, fraction, _ := strings.Cut(n, ".")
	return whole + "," + (fraction + "000")[:3] + ",000"
}
