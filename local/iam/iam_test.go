package iam

import "testing"

const (
	codes   = "arn:aws:dynamodb:us-east-1:123456789012:table/stack-Codes"
	users   = "arn:aws:dynamodb:us-east-1:123456789012:table/stack-Users"
	topic   = "arn:aws:sns:us-east-1:123456789012:topic"
	sender  = "arn:aws:ses:us-east-1:123456789012:identity/login@example.com"
	reader  = "arn:aws:ses:us-east-1:123456789012:identity/ada@example.com"
	number  = "+4915123456789"
	sending = "ses:SendEmail"
)

func allow(actions, resources []string) Statement {
	return Statement{Actions: actions, Resources: resources}
}

func deny(actions, resources []string) Statement {
	return Statement{Deny: true, Actions: actions, Resources: resources}
}

func one(s ...string) []string { return s }

func TestDecide(t *testing.T) {
	keyed := func(key string) func(values ...string) map[string][]string {
		return func(values ...string) map[string][]string { return map[string][]string{key: values} }
	}
	from, leading, attributes, returns := keyed("ses:FromAddress"), keyed("dynamodb:LeadingKeys"), keyed("dynamodb:Attributes"), keyed("dynamodb:ReturnValues")
	mail := allow(one(sending), one("arn:aws:ses:us-east-1:123456789012:identity/*"))
	mail.Conditions = []Condition{{Equals, "ses:FromAddress", one("login@example.com", "post@example.com")}}
	limited := allow(one("dynamodb:GetItem"), one(codes))
	limited.Conditions = []Condition{{AllLike, "dynamodb:LeadingKeys", one("suppressed#*", "x")}}
	marks := allow(one("dynamodb:UpdateItem"), one(codes))
	marks.Conditions = []Condition{{AllEqual, "dynamodb:Attributes", one("id", "sent*")}, {EqualsIfExists, "dynamodb:ReturnValues", one("NONE")}}
	noMail := mail
	noMail.Deny = true
	phones := Policy{allow(one("sns:Publish"), one("*")), deny(one("sns:Publish"), one("arn:aws:sns:*:*:*"))}
	for _, c := range []struct {
		name             string
		policy           Policy
		action, resource string
		context          map[string][]string
		want             Decision
	}{
		{"no statement allows nothing", nil, "dynamodb:PutItem", codes, nil, NotAllowed},
		{"an action on its resource", Policy{allow(one("dynamodb:PutItem"), one(codes))}, "dynamodb:PutItem", codes, nil, Allowed},
		{"another action", Policy{allow(one("dynamodb:PutItem"), one(codes))}, "dynamodb:DeleteItem", codes, nil, NotAllowed},
		{"another resource", Policy{allow(one("dynamodb:PutItem"), one(codes))}, "dynamodb:PutItem", users, nil, NotAllowed},
		{"one of several", Policy{allow(one("dynamodb:Query", "dynamodb:PutItem"), one(users, codes))}, "dynamodb:PutItem", codes, nil, Allowed},
		{"actions have no case", Policy{allow(one("DynamoDB:putitem"), one(codes))}, "dynamodb:PutItem", codes, nil, Allowed},
		{"resources have", Policy{allow(one("dynamodb:PutItem"), one(codes))}, "dynamodb:PutItem", codes + "X", nil, NotAllowed},
		{"a resource is the whole of it", Policy{allow(one("*"), one(codes))}, "dynamodb:Query", codes + "/index/x", nil, NotAllowed},
		{"* stands for any text", Policy{allow(one("dynamodb:*"), one("arn:aws:dynamodb:*:table/*"))}, "dynamodb:PutItem", codes, nil, Allowed},
		{"* stands for none too", Policy{allow(one("dynamodb:PutItem*"), one(codes+"*"))}, "dynamodb:PutItem", codes, nil, Allowed},
		{"? stands for one character", Policy{allow(one("dynamodb:?utItem"), one("*"))}, "dynamodb:PutItem", codes, nil, Allowed},
		{"? does not stand for none", Policy{allow(one("dynamodb:PutItem?"), one("*"))}, "dynamodb:PutItem", codes, nil, NotAllowed},
		{"nothing else is a wildcard", Policy{allow(one("*"), one("[a-z]", `\a`, "a"))}, "x:Y", "b", nil, NotAllowed},
		{"and each stands for itself", Policy{allow(one("*"), one(`[a\b]`))}, "x:Y", `[a\b]`, nil, Allowed},

		{"a denial wins, whichever comes first", Policy{deny(one("*"), one(codes)), allow(one("*"), one("*"))}, "dynamodb:PutItem", codes, nil, Denied},
		{"a denial wins over what comes before it", Policy{allow(one("*"), one("*")), deny(one("*"), one(codes))}, "dynamodb:PutItem", codes, nil, Denied},
		{"a denial of something else does not matter", Policy{allow(one("*"), one("*")), deny(one("*"), one(codes))}, "dynamodb:PutItem", users, nil, Allowed},
		{"a number is no topic", phones, "sns:Publish", number, nil, Allowed},
		{"a topic is", phones, "sns:Publish", topic, nil, Denied},

		{"a condition that holds", Policy{mail}, sending, reader, from("login@example.com"), Allowed},
		{"one of its values", Policy{mail}, sending, sender, from("post@example.com"), Allowed},
		{"a condition that does not", Policy{mail}, sending, sender, from("eve@example.com"), NotAllowed},
		{"values have case", Policy{mail}, sending, sender, from("Login@example.com"), NotAllowed},
		{"a key that the call does not have", Policy{mail}, sending, sender, nil, NotAllowed},
		{"a denial on a condition that holds", Policy{allow(one("*"), one("*")), noMail}, sending, sender, from("login@example.com"), Denied},
		{"a pattern that fits", Policy{limited}, "dynamodb:GetItem", codes, leading("suppressed#a/b"), Allowed},
		{"another one that fits", Policy{limited}, "dynamodb:GetItem", codes, leading("x"), Allowed},
		{"none that fits", Policy{limited}, "dynamodb:GetItem", codes, leading("xsuppressed#a"), NotAllowed},
		{"all values of a key that the call does not have", Policy{limited}, "dynamodb:GetItem", codes, nil, Allowed},
		{"all values are listed", Policy{marks}, "dynamodb:UpdateItem", codes, attributes("id", "sent*"), Allowed},
		{"some of them", Policy{marks}, "dynamodb:UpdateItem", codes, attributes("id"), Allowed},
		{"one that is not beside those that are", Policy{marks}, "dynamodb:UpdateItem", codes, attributes("id", "used"), NotAllowed},
		{"equal is no pattern", Policy{marks}, "dynamodb:UpdateItem", codes, attributes("sentAt"), NotAllowed},
		{"a value that may be there", Policy{marks}, "dynamodb:UpdateItem", codes, returns("NONE"), Allowed},
		{"another one", Policy{marks}, "dynamodb:UpdateItem", codes, returns("ALL_OLD"), NotAllowed},
		{"neither key", Policy{marks}, "dynamodb:UpdateItem", codes, nil, Allowed},
		{"two conditions, of which one does not hold", Policy{marks}, "dynamodb:UpdateItem", codes,
			map[string][]string{"dynamodb:Attributes": {"id"}, "dynamodb:ReturnValues": {"ALL_NEW"}}, NotAllowed},
		{"a denial on a condition that does not", Policy{allow(one("*"), one("*")), noMail}, sending, sender, nil, Allowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.policy.Decide(c.action, c.resource, c.context); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}
