"""What a deployment to moto cannot prove: the one list. deploy.py fails for an entry that moto does not need any more.

docs/deploy.md says the same to whoever deploys; `python .ci/unproven.py` prints that part.
"""
from sam import translate

# Types that moto's CloudFormation passes over, each with what stands in for its Ref and its attributes.
# {name} is the resource's logical id.
TYPES = {
    "AWS::ApiGatewayV2::Api": {"Ref": "a1b2c3d4e5"},
    "AWS::ApiGatewayV2::Stage": {"Ref": "api"},
    "AWS::CloudFront::Distribution": {"Ref": "E1A2B3C4D5E6F7", "DomainName": "d111111abcdef8.cloudfront.net"},
    "AWS::CloudFront::Function": {"FunctionARN": "arn:aws:cloudfront::123456789012:function/{name}"},
    "AWS::CloudFront::OriginAccessControl": {"Id": "E2A2B3C4D5E6F7"},
    "AWS::CloudFront::OriginRequestPolicy": {"Ref": "6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"},
    "AWS::CloudFront::ResponseHeadersPolicy": {"Ref": "7f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f"},
    "AWS::CloudWatch::Alarm": {"Ref": "streamotp-{name}"},
    "AWS::Lambda::Alias": {"Ref": "its function"},
    "AWS::S3::BucketPolicy": {},
    "AWS::SES::ConfigurationSet": {"Ref": "streamotp-{name}"},
    "AWS::SES::ConfigurationSetEventDestination": {},
    "AWS::SNS::Subscription": {},
    "AWS::SNS::TopicPolicy": {},
    "AWS::SecretsManager::Secret": {"Ref": "streamotp-{name}"},  # a name, where AWS gives an ARN; calls take both
    "Custom::Site": {},  # moto would run its function in Docker
}

# Settings that a resource is made without.
SETTINGS = {
    "AWS::DynamoDB::Table": ["PointInTimeRecoverySpecification", "TimeToLiveSpecification"],
    "AWS::IAM::Role": ["ManagedPolicyArns"],
    "AWS::Lambda::Function": ["Architectures", "LoggingConfig", "Tags"],
    "AWS::S3::Bucket": ["OwnershipControls", "PublicAccessBlockConfiguration"],
}

# Settings that stay as they are when a parameter in them changes.
UPDATES = {
    "AWS::IAM::Role": ["Policies"],
    "AWS::Lambda::Function": ["ReservedConcurrentExecutions", "TracingConfig"],
    "AWS::Logs::LogGroup": ["RetentionInDays"],
    "AWS::SSM::Parameter": ["Value"],
}


def after_update():
    """Settings that a resource does not have as the template says, once the stack was updated."""
    kinds = sorted({**SETTINGS, **UPDATES})
    return {kind: sorted(SETTINGS.get(kind, []) + UPDATES.get(kind, [])) for kind in kinds}


def stand_ins(template):
    """What each resource of a type in TYPES gives, by its logical id."""
    made = {name: {attribute: value.format(name=name) for attribute, value in TYPES[resource["Type"]].items()}
            for name, resource in template["Resources"].items() if resource["Type"] in TYPES}
    aliases = {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == "AWS::Lambda::Alias"}
    return made | {name: {"Ref": alias["FunctionName"]} for name, alias in aliases.items()}


def actions(template):
    """Every action that a function's role allows or denies."""
    roles = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    statements = [s for r in roles for p in r["Policies"] for s in p["PolicyDocument"]["Statement"]]
    return sorted({a for s in statements for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])})


def outputs(template):
    """Outputs that are made of something in TYPES."""
    missing = stand_ins(template)
    return [name for name, output in template["Outputs"].items()
            if any(f'"{m}"' in str(output).replace("'", '"') or f"${{{m}" in str(output) for m in missing)]


def section(template):
    """docs/deploy.md's list."""
    def row(what, names):
        return f"| {what} | {', '.join(f'`{name}`' for name in names)} |"
    return "\n".join([
        "| not seen | which |", "|---|---|",
        row("types that are not made", TYPES),
        *[row(f"settings of `{kind}` that are not applied", names) for kind, names in SETTINGS.items()],
        *[row(f"settings of `{kind}` that an update does not change", names) for kind, names in UPDATES.items()],
        row("outputs made of what is not there", outputs(template)),
        row("actions that no IAM judged", actions(template)),
        row("rules that nothing asserted", template["Rules"]),
    ])


if __name__ == "__main__":
    print(section(translate()))
