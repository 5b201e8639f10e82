package template

import "strings"

func (res *resource) readAPI() {
	if res.properties.out.API.Stage != "" {
		res.properties.failf("the development stack imitates one HTTP API")
	}
	api := API{}
	res.fields(map[string]func(value){
		"StageName": func(v value) { api.Stage = v.str() },
		"DefaultRouteSettings": func(v value) {
			v.fields(map[string]func(value){
				"ThrottlingRateLimit":  func(v value) { api.Rate = v.number() },
				"ThrottlingBurstLimit": func(v value) { api.Burst = v.integer(0, 1<<30) },
			}, "DetailedMetricsEnabled")
		},
		"Auth": func(v value) { // must have no authorizer
			v.fields(map[string]func(value){"EnableIamAuthorizer": func(v value) { v.oneOf("false") }})
		},
		"CorsConfiguration": func(v value) {
			if cors, ok := v.resolve(); ok {
				api.CORS = cors.readCORS()
			}
		},
	})
	if api.Stage == "" || strings.HasPrefix(api.Stage, "$") || strings.HasPrefix(api.Stage, "_") {
		res.properties.failf("StageName must be a plain name")
	}
	res.properties.out.API = api
}

func (v value) readCORS() *CORS {
	c := &CORS{}
	v.fields(map[string]func(value){
		"AllowOrigins":     func(v value) { c.Origins = v.readOrigins() },
		"AllowMethods":     func(v value) { c.Methods = v.strs() },
		"AllowHeaders":     func(v value) { c.Headers = v.strs() },
		"ExposeHeaders":    func(v value) { c.Expose = v.strs() },
		"MaxAge":           func(v value) { c.MaxAge = v.integer(-1, 86400) },
		"AllowCredentials": func(v value) { c.Credentials = v.boolean() },
	})
	return c
}

func (v value) readOrigins() []string {
	r, ok := v.resolve()
	if !ok {
		return nil
	}
	out := r.strs()
	for _, o := range out {
		if o != "*" && strings.Contains(o, "*") {
			v.failf("the development stack imitates no partial wildcards, as in %q", o)
		}
	}
	return out
}

// readSSMParameter reads a parameter of SSM.
func (res *resource) readSSMParameter() {
	name, text := "", ""
	res.fields(map[string]func(value){
		"Name":  func(v value) { name = v.str() },
		"Type":  func(v value) { v.oneOf("String") },
		"Value": func(v value) { text = v.str() },
	})
	if name == "" || text == "" {
		res.properties.failf("must have Name and Value")
	}
	res.properties.out.SSM[name] = text
}

func (res *resource) readTable() {
	v := res.properties
	t := Table{ID: res.id, Name: v.physicalName(res.id)}
	res.fields(map[string]func(value){
		"BillingMode":          func(v value) { v.oneOf("PAY_PER_REQUEST") },
		"KeySchema":            func(v value) { t.Keys = v.readKeys("KeyType", "HASH", "RANGE") },
		"AttributeDefinitions": func(v value) { t.Types = v.readKeys("AttributeType", "S", "N", "B") },
		"StreamSpecification": func(v value) {
			v.fields(map[string]func(value){"StreamViewType": func(v value) {
				t.StreamView = v.oneOf("NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY")
			}})
		},
		"TimeToLiveSpecification": func(v value) {
			name, enabled := "", false
			v.fields(map[string]func(value){
				"AttributeName": func(v value) { name = v.str() },
				"Enabled":       func(v value) { enabled = v.boolean() },
			})
			if enabled {
				t.TTL = name
			}
		},
	})
	v.out.Tables = append(v.out.Tables, t)
}

func (v value) readKeys(typeName string, types ...string) []Key {
	var out []Key
	for _, e := range v.list() {
		var k Key
		e.fields(map[string]func(value){
			"AttributeName": func(v value) { k.Name = v.str() },
			typeName:        func(v value) { k.Type = v.oneOf(types...) },
		})
		out = append(out, k)
	}
	return out
}

func (res *resource) readEventDestination() {
	var d EventDestination
	res.fields(map[string]func(value){
		"ConfigurationSetName": func(v value) { d.Set = v.str() },
		"EventDestination": func(v value) {
			v.fields(map[string]func(value){
				"Enabled": func(v value) { v.oneOf("true") },
				"MatchingEventTypes": func(v value) {
					for _, e := range v.list() {
						d.Types = append(d.Types, e.oneOf("delivery", "bounce", "complaint"))
					}
				},
				"SnsDestination": func(v value) {
					v.fields(map[string]func(value){"TopicARN": func(v value) { d.Topic = v.str() }})
				},
			}, "Name")
		},
	})
	if d.Set == "" || d.Topic == "" {
		res.properties.failf("must have ConfigurationSetName and EventDestination.SnsDestination.TopicARN")
	}
	res.properties.out.EventDestinations = append(res.properties.out.EventDestinations, d)
}

// Generate is a secret's GenerateSecretString.
type Generate struct {
	Template, Key                   string // SecretStringTemplate and GenerateStringKey; both or neither
	Length                          int
	ExcludeCharacters               string
	NoPunctuation, NoDigits         bool
	NoLower, NoUpper, Space, AnyMix bool // AnyMix: RequireEachIncludedType is false
}

func (res *resource) readSecret() {
	v := res.properties
	s := Secret{ID: res.id, Name: v.physicalName(res.id), ARN: v.secretARN(res.id)}
	g := &Generate{Length: 32}
	res.fields(map[string]func(value){
		"SecretString": func(v value) { s.Value = v.str() },
		"GenerateSecretString": func(v value) {
			s.Generate = g
			v.fields(map[string]func(value){
				"SecretStringTemplate":    func(v value) { g.Template = v.str() },
				"GenerateStringKey":       func(v value) { g.Key = v.str() },
				"PasswordLength":          func(v value) { g.Length = v.integer(1, 4096) },
				"ExcludeCharacters":       func(v value) { g.ExcludeCharacters = v.str() },
				"ExcludePunctuation":      func(v value) { g.NoPunctuation = v.boolean() },
				"ExcludeNumbers":          func(v value) { g.NoDigits = v.boolean() },
				"ExcludeLowercase":        func(v value) { g.NoLower = v.boolean() },
				"ExcludeUppercase":        func(v value) { g.NoUpper = v.boolean() },
				"IncludeSpace":            func(v value) { g.Space = v.boolean() },
				"RequireEachIncludedType": func(v value) { g.AnyMix = !v.boolean() },
			})
		},
	})
	if s.Generate != nil && s.Value != "" || (g.Template == "") != (g.Key == "") {
		v.failf("must not have both SecretString and GenerateSecretString, that with SecretStringTemplate and GenerateStringKey both or neither")
	}
	v.out.Secrets = append(v.out.Secrets, s)
}
