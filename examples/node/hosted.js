// An Express application whose people log in on StreamOTP's own pages, by OpenID Connect, with an API that needs a stronger and newer login
// (RFC 9470). ../README.md says how to run it and what to change for production.
import { randomBytes } from 'node:crypto';
import express from 'express';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';

const { ISSUER = 'http://127.0.0.1:3000', CLIENT_ID = 'demo-web', CLIENT_SECRET, PORT = '8080' } = process.env;
const ORIGIN = process.env.ORIGIN ?? `http://127.0.0.1:${PORT}`;
const API = `${ORIGIN}/api`; // the client's --api-audience
const [LEVEL, MAX_AGE] = ['urn:streamotp:2', 300]; // what a payment needs: a password and a code, in the last five minutes

const secure = ORIGIN.startsWith('https:');
const provider = await oidc.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, CLIENT_SECRET ? undefined : oidc.None(),
  { execute: secure ? [] : [oidc.allowInsecureRequests] });
const keys = createRemoteJWKSet(new URL(provider.serverMetadata().jwks_uri));
const sessions = new Map(); // by the cookie: {login} while a person logs in, then {claims, tokens}
const SESSION = secure ? '__Host-session' : 'session';

const app = express().disable('x-powered-by');
app.use((req, res, next) => {
  res.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer',
    'Content-Security-Policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'" });
  req.session = sessions.get(/(?:^|; )(?:__Host-)?session=([\w-]+)/.exec(req.headers.cookie ?? '')?.[1]) ?? {};
  next();
});

// Gives the browser a new cookie, so that one from before a login is worth nothing.
function begin(res, session) {
  const id = randomBytes(32).toString('base64url');
  sessions.set(id, session);
  res.cookie(SESSION, id, { httpOnly: true, sameSite: 'lax', secure, path: '/' });
}

// Leads to StreamOTP. wanted are acr_values and max_age; next is what the person was doing.
async function logIn(res, wanted = {}, next = '/') {
  const login = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier(), wanted, next };
  begin(res, { login });
  res.redirect(303, oidc.buildAuthorizationUrl(provider, { ...wanted, redirect_uri: `${ORIGIN}/callback`, scope: 'openid email', state: login.state,
    nonce: login.nonce, code_challenge: await oidc.calculatePKCECodeChallenge(login.verifier), code_challenge_method: 'S256' }).href);
}

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt()};`);
const button = (action, text) => `<form method="post" action="${action}"><button>${text}</button></form>`;
const show = (res, body) => res.send(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Example</title><main>${body}</main>`);

app.get('/', ({ session: { claims } }, res) => show(res, claims
  ? `<h1>Hello ${escape(claims.email)}</h1><p>Logged in by ${escape(claims.amr.join(' and '))}.</p>${button('/pay', 'Pay')}${button('/logout', 'Log out')}`
  : `<h1>Welcome</h1>${button('/login', 'Log in')}`));
app.post('/login', (req, res) => logIn(res));

app.get('/callback', async (req, res) => {
  const { login } = req.session;
  if (!login) return res.redirect('/');
  const tokens = await oidc.authorizationCodeGrant(provider, new URL(req.originalUrl, ORIGIN), { pkceCodeVerifier: login.verifier, expectedState: login.state,
    expectedNonce: login.nonce, idTokenExpected: true, maxAge: login.wanted.max_age && Number(login.wanted.max_age) });
  const session = { claims: tokens.claims(), tokens }; // `${claims.iss} ${claims.sub}` is the key of your own record: an address can change hands
  begin(res, session);
  return login.next === '/pay' ? pay(session, res) : res.redirect('/');
});

app.post('/pay', ({ session }, res) => (session.tokens ? pay(session, res, (wanted) => logIn(res, wanted, '/pay')) : logIn(res)));

// Calls the API. If it wants a stronger or newer login, stepUp gets its parameters.
async function pay({ tokens }, res, stepUp = () => show(res.status(403), 'This login is not enough for a payment.')) {
  const answer = await fetch(`${API}/payments`, { method: 'POST', headers: { authorization: `Bearer ${tokens.access_token}` } });
  const challenge = answer.headers.get('www-authenticate') ?? '';
  if (!challenge.includes('insufficient_user_authentication')) return show(res.status(answer.status), answer.ok ? '<h1>Paid</h1>' : 'Not paid: log in again.');
  return stepUp(Object.fromEntries([...challenge.matchAll(/(acr_values|max_age)="([^"]*)"/g)].map(([, name, value]) => [name, value])));
}

app.post('/logout', ({ session }, res) => {
  begin(res, {});
  res.redirect(303, oidc.buildEndSessionUrl(provider, { id_token_hint: session.tokens?.id_token ?? '', post_logout_redirect_uri: `${ORIGIN}/` }).href);
});

// The API. It may as well be another server: it knows only the access token.
app.post('/api/payments', async (req, res) => {
  const refuse = (why) => res.status(401).set('WWW-Authenticate', `Bearer ${why}`).json({});
  const token = /^Bearer (\S+)$/i.exec(req.headers.authorization ?? '')?.[1] ?? '';
  const { payload } = await jwtVerify(token, keys, { algorithms: ['RS256'], issuer: ISSUER, audience: API, typ: 'at+jwt', requiredClaims: ['exp', 'sub'] })
    .catch(() => ({}));
  if (!payload) return refuse('error="invalid_token"');
  if (payload.acr === LEVEL && Date.now() / 1000 - payload.auth_time < MAX_AGE) return res.json({ paid: true });
  return refuse(`error="insufficient_user_authentication", error_description="log in again, with a password", acr_values="${LEVEL}", max_age="${MAX_AGE}"`);
});

app.use((error, req, res, next) => show(res.status(401), `You are not logged in. ${button('/login', 'Log in again')}`)); // eslint-disable-line no-unused-vars
app.listen(PORT, '127.0.0.1', () => console.log(`${ORIGIN}/ logs people in with ${ISSUER}`));
