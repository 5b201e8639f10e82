package template

import "strings"

// API is the HTTP API and its one stage.
type API struct {
	StageName            string
	DefaultRouteSettings struct {
		ThrottlingRateLimit    float64 // requests a second; 0: no limit of its own
		ThrottlingBurstLimit   int     `range:"0 10000"`
		DetailedMetricsEnabled ignored
	}
	Auth struct {
		EnableIamAuthorizer string `in:"false"` // there is no authorizer
	}
	CorsConfiguration *CORS // nil: no CORS configuration
}

// CORS is the API's CorsConfiguration.
type CORS struct {
	AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string
	MaxAge                                                  int `range:"-1 86400"` // seconds
	AllowCredentials                                        bool
}

func (c *CORS) check(p place) {
	for _, o := range c.AllowOrigins {
		if o != "*" && strings.Contains(o, "*") {
			p.failf("the development stack imitates no partial wildcards, as in %q", o)
		}
	}
}

func readAPI(res *resource) {
	api := &res.properties.out.API
	if api.StageName != "" {
		res.properties.failf("the development stack imitates one HTTP API")
	}
	res.decode(api)
	if api.StageName == "" || strings.ContainsAny(api.StageName[:1], "$_") {
		res.properties.failf("StageName must be a plain name")
	}
}

// securityHeaders are the headers that a policy of response headers may have, by their property of SecurityHeadersConfig:
// the header's name, its value, and the property inside whose value replaces VALUE.
var securityHeaders = map[string]struct{ header, value, property string }{
	"ContentSecurityPolicy":   {"Content-Security-Policy", "VALUE", "ContentSecurityPolicy"},
	"ContentTypeOptions":      {"X-Content-Type-Options", "nosniff", ""},
	"FrameOptions":            {"X-Frame-Options", "VALUE", "FrameOption"},
	"ReferrerPolicy":          {"Referrer-Policy", "VALUE", "ReferrerPolicy"},
	"StrictTransportSecurity": {"Strict-Transport-Security", "max-age=VALUE", "AccessControlMaxAgeSec"},
}

// pageHeaders are the headers that the distribution adds to each page, as SecurityHeadersConfig has them.
type pageHeaders map[string]map[string]string

// check reports what securityHeaders does not have. Override makes no difference, as the bucket sets none of these headers.
func (h *pageHeaders) check(p place) {
	for _, header := range p.entries() {
		known, ok := securityHeaders[header.key]
		for _, property := range header.entries() {
			ok = ok && (property.key == "Override" || property.key == known.property)
		}
		if !ok {
			header.failf("the development stack knows only the headers %v", securityHeaders)
		}
	}
}

// removedHeaders are the headers that a policy takes away from a response.
type removedHeaders struct {
	Items []struct{ Header string }
}

// readPageHeaders reads the headers of the pages; or those of public files, if they let pages of other origins read a response; or those
// of hosted login, if they take headers away.
func readPageHeaders(res *resource) {
	var policy struct {
		ResponseHeadersPolicyConfig struct {
			Name, Comment         ignored
			SecurityHeadersConfig pageHeaders
			RemoveHeadersConfig   *removedHeaders
			CorsConfig            *struct {
				AccessControlAllowOrigins                            struct{ Items []string }
				AccessControlAllowHeaders, AccessControlAllowMethods ignored // there are no preflights of a plain GET
				AccessControlAllowCredentials                        string  `in:"false"`
				OriginOverride                                       string  `in:"true"`
			}
		}
	}
	res.decode(&policy)
	out := res.properties.out.PageHeaders
	if cors := policy.ResponseHeadersPolicyConfig.CorsConfig; cors != nil {
		out = res.properties.out.PublicHeaders
		out["Access-Control-Allow-Origin"] = strings.Join(cors.AccessControlAllowOrigins.Items, " ")
	}
	if removed := policy.ResponseHeadersPolicyConfig.RemoveHeadersConfig; removed != nil {
		out = res.properties.out.OauthHeaders
		for _, item := range removed.Items {
			res.properties.out.OauthRemoved = append(res.properties.out.OauthRemoved, item.Header)
		}
	}
	if len(out) > 1 {
		res.properties.failf("the development stack imitates one policy of response headers for the pages, one for public files, and one for hosted login")
	}
	for name, properties := range policy.ResponseHeadersPolicyConfig.SecurityHeadersConfig {
		h := securityHeaders[name]
		out[h.header] = strings.ReplaceAll(h.value, "VALUE", properties[h.property])
	}
}
