import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";

export const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
export const TableName = process.env.TABLE;

export function respond(statusCode, body) {
  return { statusCode, headers: { "access-control-allow-origin": "*" }, body: JSON.stringify(body) };
}
