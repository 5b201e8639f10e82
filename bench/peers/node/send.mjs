// It sends the code of each new item of the table's stream.
import { SESv2Client, SendEmailCommand } from "@aws-sdk/client-sesv2";

const mail = new SESv2Client({});

export async function handler(event) {
  for (const { eventName, dynamodb } of event.Records) {
    if (eventName !== "INSERT") continue;
    const { code, email } = dynamodb.NewImage;
    await mail.send(
      new SendEmailCommand({
        FromEmailAddress: "codes@example.com",
        Destination: { ToAddresses: [email.S] },
        Content: { Simple: { Subject: { Data: "Your code" }, Body: { Text: { Data: `Your code is ${code.S}` } } } },
      }),
    );
  }
}
