// A code is right if an item with this key exists that has not expired. It can be used again until then, and tried without limit.
import { GetCommand } from "@aws-sdk/lib-dynamodb";
import { TableName, respond, table } from "./table.mjs";

export async function handler(event) {
  const { sessionId, code } = JSON.parse(event.body);
  const { Item } = await table.send(new GetCommand({ TableName, Key: { sessionId, code } }));
  if (!Item || Item.expiredAt < Date.now() / 1000) return respond(422, { error: "wrong or expired" });
  return respond(200, { verified: true });
}
