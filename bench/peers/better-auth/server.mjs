// better-auth's e-mail OTP on SQLite. Arguments: the port, the file of the store, and the URL to which codes are delivered.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { emailOTP } from "better-auth/plugins/email-otp";
import Database from "better-sqlite3";

const [port, file, sink] = process.argv.slice(2);
const database = new Database(file);
database.pragma("journal_mode = WAL");
let hashed = 0;
let sent = 0;
const auth = betterAuth({
  database,
  baseURL: `http://127.0.0.1:${port}`,
  secret: "only-for-a-comparison-on-one-machine",
  rateLimit: { enabled: false }, // it counts by client IP address, and an attacker has many
  telemetry: { enabled: false },
  plugins: [
    emailOTP({
      allowedAttempts: 5,
      storeOTP: {
        // The built-in "hashed" has no key: all codes can be tried in a second. The built-in "encrypted" has one, but a hash of our own can count.
        hash: async (otp) => {
          hashed++;
          return createHmac("sha256", "only-for-a-comparison").update(otp).digest("base64url");
        },
      },
      sendVerificationOTP: async ({ email, otp }) => {
        sent++;
        await fetch(sink, { method: "POST", body: JSON.stringify({ to: email, text: otp }) });
      },
    }),
  ],
});
await (await getMigrations(auth.options)).runMigrations();

const handler = toNodeHandler(auth);
createServer((request, response) => {
  if (request.url === "/compared") {
    response.end(String(hashed - sent)); // its responses do not say whether an answer was compared
    return;
  }
  handler(request, response);
}).listen(Number(port), "127.0.0.1");
