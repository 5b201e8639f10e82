// An application of Auth.js, as @auth/express, next-auth and the others of its packages use it: https://authjs.dev/reference/core
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import { Auth, setEnvDefaults } from '@auth/core';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const home = `http://127.0.0.1:${PORT}/`;
const config = {
  secret: randomBytes(32).toString('hex'),
  providers: [{ id: 'streamotp', name: 'StreamOTP', type: 'oidc', issuer: ISSUER, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }],
  trustHost: true,
};
setEnvDefaults(process.env, config);

// The calls that next-auth's client makes in a page. Auth.js ends only its own session, so the page then leads to StreamOTP's logout.
const leave = `${ISSUER}/api/oauth2/logout?${new URLSearchParams({ client_id: CLIENT_ID, post_logout_redirect_uri: home })}`;
const script = `<script type="module">
  document.querySelector('a').addEventListener('click', async (event) => {
    event.preventDefault();
    const { csrfToken } = await (await fetch('/auth/csrf')).json();
    const response = await fetch('/auth/' + event.target.id, { method: 'POST', headers: { 'X-Auth-Return-Redirect': '1' },
      body: new URLSearchParams({ csrfToken, callbackUrl: '/' }) });
    location.href = event.target.id === 'signout' ? ${JSON.stringify(leave)} : (await response.json()).url;
  });
</script>`;

createServer(async (req, res) => {
  const auth = (path, body) => Auth(new Request(new URL(path, home), { method: body ? 'POST' : 'GET', headers: req.headers, body }), config);
  if (req.url.startsWith('/auth/')) {
    const answer = await auth(req.url, req.method === 'POST' ? Buffer.concat(await req.toArray()) : undefined);
    return res.writeHead(answer.status, [...answer.headers].flat()).end(await answer.text());
  }
  const session = await (await auth('/auth/session')).json();
  return res.writeHead(200, { 'Content-Type': 'text/html' }).end((session
    ? `Hello ${session.user.email} <a id="signout" href="#">Log out</a>` : '<a id="signin/streamotp" href="#">Log in</a>') + script);
}).listen(PORT, '127.0.0.1');
