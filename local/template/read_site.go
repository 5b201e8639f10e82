package template

import (
	"slices"
	"strconv"
	"strings"
)

// custom reports whether the resource is a custom resource.
func (res *resource) custom() bool { return strings.HasPrefix(res.kind, "Custom::") }

// readCustom removes the function behind a custom resource from those that run: it acts on a deployment, and there is
// none here. The attributes that it would return (by Ref and GetAtt of the resource) are unknown.
func (res *resource) readCustom() {
	token, ok := res.properties.at("ServiceToken")
	if !ok {
		res.properties.failf("ServiceToken is missing")
		return
	}
	functions := &res.properties.out.Functions
	i := slices.IndexFunc(*functions, func(f Function) bool { return f.ARN() == token.str() })
	if i < 0 {
		token.failf("must be the Arn of a function of this template that no other custom resource has")
		return
	}
	f := (*functions)[i]
	if len(f.Routes) > 0 || slices.ContainsFunc(res.properties.out.Mappings, func(m Mapping) bool { return m.FunctionID == f.ID }) {
		token.failf("%s has events too: the development stack does not run what a custom resource calls", f.ID)
	}
	*functions = slices.Delete(*functions, i, i+1)
}

// readPageHeaders reads the response headers that the distribution adds. Override makes no difference, as the bucket sets
// none of these headers.
func (res *resource) readPageHeaders() {
	if len(res.properties.out.PageHeaders) > 0 {
		res.properties.failf("the development stack imitates one policy of response headers")
	}
	set := func(name string) func(value) {
		return func(v value) { res.properties.out.PageHeaders[name] = v.str() }
	}
	header := func(known map[string]func(value)) func(value) {
		return func(v value) { v.fields(known, "Override") }
	}
	res.fields(map[string]func(value){"ResponseHeadersPolicyConfig": func(v value) {
		v.fields(map[string]func(value){"SecurityHeadersConfig": func(v value) {
			v.fields(map[string]func(value){
				"ContentSecurityPolicy": header(map[string]func(value){"ContentSecurityPolicy": set("Content-Security-Policy")}),
				"FrameOptions":          header(map[string]func(value){"FrameOption": set("X-Frame-Options")}),
				"ReferrerPolicy":        header(map[string]func(value){"ReferrerPolicy": set("Referrer-Policy")}),
				"ContentTypeOptions": func(v value) {
					header(nil)(v)
					v.out.PageHeaders["X-Content-Type-Options"] = "nosniff"
				},
				"StrictTransportSecurity": header(map[string]func(value){"AccessControlMaxAgeSec": func(v value) {
					v.out.PageHeaders["Strict-Transport-Security"] = "max-age=" + strconv.Itoa(v.integer(0, 1<<31-1))
				}}),
			})
		}}, "Name", "Comment")
	}})
}
