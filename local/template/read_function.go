package template

import (
	"time"

	"streamotp/local/pattern"
)

func (res *resource) readFunction() {
	v := res.properties
	f := Function{ID: res.id, Name: v.physicalName(res.id), Reserved: -1, MemoryMB: 128, Timeout: 3 * time.Second,
		LogFormat: "Text", Environment: map[string]string{}, Role: v.roleOf(res.id)}
	f.LogGroup = "/aws/lambda/" + f.Name
	if !res.makefile {
		v.failf("must have Metadata.BuildMethod makefile: the development stack builds functions no other way")
	}
	known := f.properties()
	if v.globals.node != nil {
		v.globals.fields(known, ignored[res.kind]...)
	}
	known["Policies"] = func(v value) { f.Role.Policy = v.readPolicies() }
	known["Events"] = func(events value) {
		events.each(func(name string, e value) { e.readEvent(&f, name) })
	}
	res.fields(known)
	v.out.Functions = append(v.out.Functions, f)
}

// properties reads the properties that both Globals.Function and a function may have. The function's own are read last,
// so they win.
func (f *Function) properties() map[string]func(value) {
	return map[string]func(value){
		"Runtime":    func(v value) { v.oneOf("provided.al2023") },
		"Handler":    func(v value) { f.Handler = v.str() },
		"CodeUri":    func(v value) { f.CodeURI = v.str() },
		"MemorySize": func(v value) { f.MemoryMB = v.integer(128, 10240) },
		"Timeout":    func(v value) { f.Timeout = time.Duration(v.integer(1, 900)) * time.Second },
		"ReservedConcurrentExecutions": func(v value) {
			f.Reserved = -1
			if r, ok := v.resolve(); ok {
				f.Reserved = r.integer(0, 100000)
			}
		},
		"LoggingConfig": func(v value) {
			v.fields(map[string]func(value){
				"LogFormat": func(v value) { f.LogFormat = v.oneOf("JSON", "Text") },
				"LogGroup":  func(v value) { f.LogGroup = v.str() },
			})
		},
		"Environment": func(v value) {
			v.fields(map[string]func(value){
				"Variables": func(v value) {
					v.each(func(name string, v value) {
						if r, ok := v.resolve(); ok {
							f.Environment[name] = r.str()
						}
					})
				},
			})
		},
	}
}

func (v value) readEvent(f *Function, name string) {
	kind, _ := v.at("Type")
	properties, ok := v.at("Properties")
	if kind.node == nil || !ok {
		v.failf("must have Type and Properties")
		return
	}
	v.fields(map[string]func(value){"Type": func(value) {}, "Properties": func(value) {}})
	switch kind.oneOf("HttpApi", "DynamoDB", "SNS") {
	case "HttpApi":
		f.Routes = append(f.Routes, properties.readRoute())
	case "DynamoDB":
		v.out.Mappings = append(v.out.Mappings, properties.readMapping(f.ID, name))
	case "SNS":
		properties.fields(map[string]func(value){"Topic": func(v value) { f.Topics = append(f.Topics, v.str()) }})
	}
}

func (v value) readRoute() Route {
	var r Route
	api := ""
	v.fields(map[string]func(value){
		"ApiId":  func(v value) { api = v.str() },
		"Method": func(v value) { r.Method = v.oneOf("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS") },
		"Path":   func(v value) { r.Path = v.routePath() },
	})
	if api != APIID {
		v.failf("ApiId must refer to the template's AWS::Serverless::HttpApi")
	}
	return r
}

// routePath returns a route's path. Path variables and catch-alls are not imitated.
func (v value) routePath() string {
	s := v.str()
	for i, c := range s {
		if i == 0 && c != '/' || c == '{' || c == '$' || c == '*' {
			v.failf("the development stack imitates only plain paths that begin with /, not %q", s)
			break
		}
	}
	return s
}

func (v value) readMapping(function, name string) Mapping {
	m := Mapping{ID: function + "." + name, FunctionID: function, BatchSize: 100, Lanes: 1, MaxRetries: -1}
	position := ""
	v.fields(map[string]func(value){
		"Stream":           func(v value) { m.StreamARN = v.str() },
		"MetricsConfig":    func(value) {}, // there is no CloudWatch
		"StartingPosition": func(v value) { position = v.oneOf("TRIM_HORIZON", "LATEST") },
		"BatchSize":        func(v value) { m.BatchSize = v.integer(1, 1000) },
		"MaximumBatchingWindowInSeconds": func(v value) {
			m.Window = time.Duration(v.integer(0, 300)) * time.Second
		},
		"ParallelizationFactor":      func(v value) { m.Lanes = v.integer(1, 10) },
		"BisectBatchOnFunctionError": func(v value) { m.Bisect = v.boolean() },
		"MaximumRetryAttempts":       func(v value) { m.MaxRetries = v.integer(-1, 10000) },
		"MaximumRecordAgeInSeconds":  func(v value) { m.MaxAge = v.recordAge() },
		"FunctionResponseTypes":      func(v value) { m.PartialFailed = v.reportsFailures() },
		"FilterCriteria":             func(v value) { m.Patterns = v.readPatterns() },
		"DestinationConfig":          func(v value) { m.DeadLetters = v.readDestination() },
		"Enabled": func(v value) {
			if !v.boolean() {
				v.failf("a mapping that is not enabled is not imitated: leave it out")
			}
		},
	})
	m.Latest = position == "LATEST"
	if position == "" {
		v.failf("StartingPosition is missing")
	}
	m.TableName = v.streamTable(m.StreamARN)
	return m
}

// streamTable returns the table whose stream has this ARN. The table must have a stream.
func (v value) streamTable(stream string) string {
	for _, res := range v.resources {
		if name := v.physicalName(res.id); res.kind == "AWS::DynamoDB::Table" && streamARN(name) == stream {
			if _, ok := res.properties.at("StreamSpecification"); ok {
				return name
			}
		}
	}
	v.failf("Stream must be the StreamArn of a table of this template that has a StreamSpecification")
	return ""
}

func (v value) readPatterns() []string {
	var out []string
	v.fields(map[string]func(value){
		"Filters": func(v value) {
			for _, f := range v.list() {
				f.fields(map[string]func(value){"Pattern": func(v value) { out = append(out, v.readPattern()) }})
			}
		},
	})
	return out
}

func (v value) readDestination() string {
	queue := ""
	v.fields(map[string]func(value){
		"OnFailure": func(v value) {
			v.fields(map[string]func(value){
				"Type":        func(v value) { v.oneOf("SQS") },
				"Destination": func(v value) { queue = v.queue() },
			})
		},
	})
	return queue
}

// reportsFailures reports whether the function names the items of a batch that failed.
func (v value) reportsFailures() (reports bool) {
	for _, e := range v.list() {
		reports = e.oneOf("ReportBatchItemFailures") != ""
	}
	return reports
}

// readPattern checks a filter pattern, so that an error names its place.
func (v value) readPattern() string {
	s := v.str()
	if _, err := pattern.Parse(s); err != nil {
		v.failf("%v", err)
	}
	return s
}

// recordAge returns -1 for no limit, or at least a minute.
func (v value) recordAge() time.Duration {
	n := v.integer(-1, 604800)
	if n >= 0 && n < 60 {
		v.failf("MaximumRecordAgeInSeconds must be -1 or at least 60")
	}
	return time.Duration(max(0, n)) * time.Second
}
