"""What CloudFormation makes of a template's values, apart from how moto does it: what is deployed is compared with this."""
import re

NO_VALUE = object()
PSEUDO = {"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
          "AWS::NoValue": NO_VALUE}


class Values:
    """Resolves values where every condition holds. An attribute is known by the physical id that it contains, which for
    a value gives a regular expression in the place of a string."""

    def __init__(self, template, parameters, physical, stack):
        defaults = {name: p.get("Default") for name, p in template["Parameters"].items()}
        self.mappings = template["Mappings"]
        self.known = {**PSEUDO, "AWS::StackName": stack, **defaults, **parameters, **physical}

    def of(self, value):
        if isinstance(value, list):
            return [made for made in map(self.of, value) if made is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        match list(value.items()):
            case [("Ref", name)]:
                return self.known[name]
            case [("Fn::GetAtt", [name, _])]:
                return self.holding(name)
            case [("Fn::If", [_, then, _])]:
                return self.of(then)
            case [("Fn::FindInMap", path)]:
                first, second, third = map(self.of, path)
                return self.mappings[first][second][third]
            case [("Fn::Sub", [text, names])]:
                return self.substituted(text, {name: self.of(v) for name, v in names.items()})
            case [("Fn::Sub", text)]:
                return self.substituted(text, {})
        return {key: made for key, made in ((k, self.of(v)) for k, v in value.items()) if made is not NO_VALUE}

    def holding(self, name):
        return re.compile(".*" + re.escape(re.split("[/:]", self.known[name])[-1]) + ".*")

    def substituted(self, text, names):
        def part(reference):
            if "." in reference:
                return self.holding(reference.split(".")[0]).pattern
            return re.escape(str(names.get(reference, self.known.get(reference))))
        pieces = re.split(r"\$\{([^}]+)\}", text)
        return re.compile("".join(part(p) if i % 2 else re.escape(p) for i, p in enumerate(pieces)), re.DOTALL)


def same(want, got):
    """Whether what is there is what was wanted. A service may add settings of its own, and give a number as text."""
    if isinstance(want, re.Pattern):
        return isinstance(got, str) and bool(want.fullmatch(got))
    if isinstance(want, dict):
        return isinstance(got, dict) and all(same(value, got.get(key)) for key, value in want.items())
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and all(map(same, want, got))
    return str(want).lower() == str(got).lower()
