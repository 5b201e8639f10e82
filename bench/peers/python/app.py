"""Two functions as a web tutorial with Terraform, DynamoDB and SNS has them after its part on hardening: random codes, at most three messages an hour and five
attempts in 15 minutes for each phone number, and one use. The code is stored as it is, and no write has a condition."""

import json
import os
import re
import secrets
import time

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
sns = boto3.client("sns")
LIFE, WINDOW, HOUR = 300, 900, 3600


def respond(status, **body):
    return {"statusCode": status, "body": json.dumps(body)}


def generate(event, context):
    phone = json.loads(event["body"])["phone"]
    if not re.fullmatch(r"\+1\d{10}", phone):
        return respond(400, error="phone")
    now = int(time.time())
    item = table.get_item(Key={"phone": phone}).get("Item", {})
    sends = [int(at) for at in item.get("sends", []) if at > now - HOUR]
    if len(sends) >= 3:
        return respond(429, error="too many messages")
    code = f"{secrets.randbelow(1_000_000):06d}"
    table.update_item(
        Key={"phone": phone},
        UpdateExpression="SET code = :code, expiredAt = :end, sends = :sends",
        ExpressionAttributeValues={":code": code, ":end": now + LIFE, ":sends": sends + [now]},
    )
    sns.publish(PhoneNumber=phone, Message=f"Your code is {code}")
    return respond(200, sent=True)


def verify(event, context):
    body = json.loads(event["body"])
    phone, now = body["phone"], int(time.time())
    item = table.get_item(Key={"phone": phone}).get("Item", {})
    attempts = item.get("attempts", 0) if item.get("attemptsUntil", 0) > now else 0
    if attempts >= 5:
        return respond(429, error="too many attempts")
    if "code" not in item:
        return respond(404, error="no code")
    if item["expiredAt"] < now:
        return respond(410, error="expired")
    if item["code"] != body["code"]:
        table.update_item(
            Key={"phone": phone},
            UpdateExpression="SET attempts = :n, attemptsUntil = :until",
            ExpressionAttributeValues={":n": attempts + 1, ":until": now + WINDOW},
        )
        return respond(401, attemptsRemaining=int(4 - attempts))
    table.update_item(Key={"phone": phone}, UpdateExpression="REMOVE code, attempts")
    return respond(200, verified=True)
