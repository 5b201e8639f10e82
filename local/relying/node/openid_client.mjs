// An application of openid-client: https://github.com/panva/openid-client
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import * as client from 'openid-client';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const home = `http://127.0.0.1:${PORT}/`;
const insecure = { execute: [client.allowInsecureRequests] }; // for an issuer that is http, on this machine
const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, client.ClientSecretBasic(CLIENT_SECRET), insecure);
const sessions = new Map(); // by cookie: the login that has begun, or who has logged in

const routes = {
  '/': (session) => session.claims
    ? `Hello ${session.claims.email} <a href="/logout">Log out</a>` : '<a href="/login">Log in</a>',
  '/login': async (session) => {
    const [pkceCodeVerifier, expectedState, expectedNonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
    session.checks = { pkceCodeVerifier, expectedState, expectedNonce };
    return client.buildAuthorizationUrl(config, { redirect_uri: `${home}callback`, scope: 'openid email', state: expectedState,
      nonce: expectedNonce, code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256' });
  },
  '/callback': async (session, url) => {
    const tokens = await client.authorizationCodeGrant(config, url, session.checks);
    const { email } = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    session.claims = { ...tokens.claims(), email };
    session.idToken = tokens.id_token;
    return new URL(home);
  },
  '/logout': (session) => {
    delete session.claims;
    return client.buildEndSessionUrl(config, { post_logout_redirect_uri: home, id_token_hint: session.idToken });
  },
};

createServer(async (req, res) => {
  const url = new URL(req.url, home);
  const old = /session=([\w-]+)/.exec(req.headers.cookie ?? '')?.[1];
  const session = sessions.get(old) ?? {};
  try {
    const answer = await routes[url.pathname](session, url);
    const id = url.pathname === '/callback' || !sessions.has(old) ? randomUUID() : old; // a cookie from before a login is worth nothing
    if (id !== old) sessions.delete(old);
    sessions.set(id, session);
    res.setHeader('Set-Cookie', `session=${id}; Path=/; HttpOnly; SameSite=Lax`);
    if (answer instanceof URL) res.writeHead(303, { Location: answer.href }).end();
    else res.writeHead(200, { 'Content-Type': 'text/html' }).end(answer);
  } catch (error) {
    res.writeHead(400, { 'Content-Type': 'text/plain' }).end(`${error}`);
  }
}).listen(PORT, '127.0.0.1');
