// The loop of the Lambda Runtime API, in place of the npm package aws-lambda-ric, which needs Node 22 and builds curl with a C++ compiler and cmake.
// The argument is the file of the function.
import http from "node:http";

const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/`;
const agent = new http.Agent({ keepAlive: true });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(base + path, { method, agent }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk)).on("end", () => resolve({ id: response.headers["lambda-runtime-aws-request-id"], text }));
    });
    request.on("error", reject).end(body);
  });
}

const { handler } = await import(`./${process.argv[2]}`);
for (;;) {
  const { id, text } = await call("GET", "next");
  try {
    await call("POST", `${id}/response`, JSON.stringify((await handler(JSON.parse(text))) ?? null));
  } catch (error) {
    await call("POST", `${id}/error`, JSON.stringify({ errorMessage: error.stack }));
  }
}
