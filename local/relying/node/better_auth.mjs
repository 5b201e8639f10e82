// An application of Better Auth and its plugin Generic OAuth: https://better-auth.com/docs/plugins/generic-oauth
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import { betterAuth } from 'better-auth';
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node';
import { genericOAuth } from 'better-auth/plugins';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const home = `http://127.0.0.1:${PORT}`;
const auth = betterAuth({
  baseURL: home,
  secret: randomBytes(32).toString('hex'),
  plugins: [genericOAuth({ config: [{
    providerId: 'streamotp',
    discoveryUrl: `${ISSUER}/.well-known/openid-configuration`,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    scopes: ['openid', 'email', 'profile'],
    requireIdTokenVerification: true,
  }] })],
});
const handle = toNodeHandler(auth);

// The two calls that the library's client makes in a page.
const script = `<script type="module">
  const call = async (path, body) => (await fetch('/api/auth/' + path, { method: 'POST',
    headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })).json();
  document.querySelector('a').addEventListener('click', async (event) => {
    event.preventDefault();
    const { url } = event.target.id === 'login' ? await call('sign-in/social', { provider: 'streamotp', callbackURL: '/' })
      : await call('sign-out', { callbackURL: '/' });
    location.href = url ?? '/';
  });
</script>`;

createServer(async (req, res) => {
  if (req.url.startsWith('/api/auth/')) return handle(req, res);
  const session = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
  return res.writeHead(200, { 'Content-Type': 'text/html' }).end((session
    ? `Hello ${session.user.email} <a id="logout" href="#">Log out</a>` : '<a id="login" href="#">Log in</a>') + script);
}).listen(PORT, '127.0.0.1');
