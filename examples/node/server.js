// An Express application that people log in to with StreamOTP. ../README.md says how to run it and what to change for production.
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { ISSUER = 'http://127.0.0.1:3000', CLIENT_ID = 'demo', PORT = '8080' } = process.env;
const provider = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json();
const keys = createRemoteJWKSet(new URL(provider.jwks_uri));

const HOUR = 3_600_000; // milliseconds
const secure = ISSUER.startsWith('https:'); // in production both sites are https
const [SESSION, NONCE] = ['session', 'nonce'].map((name) => (secure ? `__Host-${name}` : name)); // no subdomain can set such a cookie
const cookie = { httpOnly: true, sameSite: 'lax', secure, path: '/' };
const sessions = new Map(); // who is logged in, by the session's id: {person, email}
const used = new Set(); // the jti of each proof that was used and has not expired

const random = () => randomBytes(32).toString('base64url');
const read = (req, name) => new RegExp(`(?:^|; )${name}=([\\w-]+)`).exec(req.headers.cookie ?? '')?.[1];
const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt()};`);
const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><main>${body}</main>`;

// Returns what a proof says, if it logs in the browser that has this nonce. The numbers are those of the list in docs/integrate.md.
async function check(proof, nonce) {
  const { payload } = await jwtVerify(proof, keys, { // 1
    algorithms: ['RS256'], issuer: ISSUER, audience: CLIENT_ID, requiredClaims: ['exp', 'sub', 'jti'] }); // 2, 3, 4
  if (!nonce || payload.nonce !== nonce) throw new Error('the proof is for another browser'); // 5
  if (payload.purpose !== 'login') throw new Error('the proof is for another purpose'); // 6
  if (!(Date.now() / 1000 - payload.auth_time < 300)) throw new Error('the code was entered too long ago'); // 7
  if (payload.test) throw new Error('the proof is for a test destination'); // 8
  if (used.has(payload.jti)) throw new Error('the proof was used before'); // 9
  used.add(payload.jti);
  setTimeout(() => used.delete(payload.jti), payload.exp * 1000 - Date.now() + 60_000);
  return payload;
}

const app = express().disable('x-powered-by');
app.use((req, res, next) => {
  res.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer', 'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': `default-src 'none'; script-src 'self' ${ISSUER}; style-src ${ISSUER}; connect-src 'self' ${ISSUER}; `
      + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'" });
  next();
});

app.get('/', (req, res) => {
  const found = sessions.get(read(req, SESSION));
  if (!found) return res.redirect('/login');
  res.send(page('Home', `<h1>Hello ${escape(found.email)}</h1><form method="post" action="/logout"><button>Log out</button></form>`));
});

app.get('/login', (req, res) => {
  const nonce = read(req, NONCE) ?? random(); // a reload keeps the nonce, because the code was requested with it
  res.cookie(NONCE, nonce, cookie).send(page('Log in', `<link rel="stylesheet" href="${ISSUER}/stream-otp.css">
    <script type="module" src="${ISSUER}/stream-otp.js"></script><script type="module" src="/login.js"></script>
    <stream-otp purpose="login" client-id="${CLIENT_ID}" nonce="${nonce}" api="${ISSUER}/api" autofocus></stream-otp><p role="alert"></p>`));
});
app.get('/login.js', (req, res) => res.sendFile(fileURLToPath(new URL('../login.js', import.meta.url))));

app.post('/login', express.urlencoded(), async (req, res) => {
  try {
    const { iss, sub, email } = await check(req.body?.proof, read(req, NONCE));
    const id = random();
    sessions.set(id, { person: `${iss} ${sub}`, email }); // person is the key of your own record: an address can change hands
    setTimeout(() => sessions.delete(id), 8 * HOUR);
    res.clearCookie(NONCE, cookie).cookie(SESSION, id, { ...cookie, maxAge: 8 * HOUR }).sendStatus(204);
  } catch (error) {
    res.status(401).type('text').send(`${error.message}\n`);
  }
});

app.post('/logout', (req, res) => {
  sessions.delete(read(req, SESSION));
  res.clearCookie(SESSION, cookie).redirect(303, '/login');
});

app.listen(PORT, '127.0.0.1', () => console.log(`http://127.0.0.1:${PORT}/ logs people in with ${ISSUER}`));
