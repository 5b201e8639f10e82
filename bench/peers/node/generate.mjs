// After the public repository pubudusj/simple-otp. The code itself is part of the key, is not random enough, and lives two minutes.
import { randomUUID } from "node:crypto";
import { PutCommand } from "@aws-sdk/lib-dynamodb";
import { TableName, respond, table } from "./table.mjs";

export async function handler(event) {
  const { email } = JSON.parse(event.body);
  const sessionId = randomUUID();
  const code = String(Math.floor(100000 + Math.random() * 900000));
  const expiredAt = Math.floor(Date.now() / 1000) + 120;
  await table.send(new PutCommand({ TableName, Item: { sessionId, code, email, expiredAt } }));
  return respond(200, { sessionId });
}
