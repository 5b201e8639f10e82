import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, Client, byOwnClock, retryAfterSeconds } from '../client.js';

// A client whose every request gets this response; `sent` collects the requests.
function clientFor(status, body, headers = {}) {
  const sent = [];
  const fetchFn = async (url, init) => {
    sent.push({ url, init, body: JSON.parse(init.body) });
    return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });
  };
  return { client: new Client('/api/', { locale: 'en', fetchFn }), sent };
}

async function failure(promise) {
  const error = await promise.then(() => assert.fail('it succeeded'), (e) => e);
  assert.ok(error instanceof ApiError, String(error));
  return error;
}

test('each call is a POST whose body has everything and whose URL has nothing', async () => {
  const calls = [
    ['generate', { sessionId: 's' }, (c) => c.generate({ purpose: 'login', email: 'a@b', password: 'p', contact_me_by_fax_only: undefined }), { purpose: 'login', email: 'a@b', password: 'p', locale: 'en' }],
    ['resend', { sessionId: 's' }, (c) => c.resend('s'), { sessionId: 's' }],
    ['verify', { verified: true, purpose: 'login', email: 'a@b' }, (c) => c.verify('s', '123456'), { sessionId: 's', code: '123456' }],
    ['reset', { reset: true }, (c) => c.reset('s', '123456', 'p'), { sessionId: 's', code: '123456', password: 'p' }],
  ];
  for (const [name, answer, call, body] of calls) {
    const { client, sent } = clientFor(200, answer);
    assert.deepEqual(await call(client), answer);
    assert.equal(sent[0].url, `/api/${name}`);
    assert.deepEqual(sent[0].body, body);
    assert.equal(sent[0].init.method, 'POST');
    assert.equal(sent[0].init.credentials, 'omit');
    assert.equal(sent[0].init.headers['content-type'], 'application/json');
  }
});

test('problem details are read in full', async () => {
  const { client } = clientFor(401, { code: 'wrong_code', status: 401, attemptsRemaining: 3, requestId: 'r' });
  const error = await failure(client.verify('s', '000000'));
  assert.deepEqual([error.code, error.status, error.attemptsRemaining, error.requestId, error.retryAfter], ['wrong_code', 401, 3, 'r', undefined]);
});

test('the fields in error are named, however they are listed', async () => {
  for (const errors of [[{ field: 'email', reason: 'x' }], [{ name: 'email' }], [{ pointer: '#/email' }], { email: 'x' }, ['email']]) {
    const { client } = clientFor(400, { code: 'invalid_request', errors });
    assert.deepEqual((await failure(client.generate({}))).fields, ['email']);
  }
});

test('reasons, countries and Retry-After are read', async () => {
  assert.deepEqual((await failure(clientFor(422, { code: 'weak_password', reasons: ['common'] }).client.reset('s', '1', 'p'))).reasons, ['common']);
  assert.deepEqual((await failure(clientFor(400, { code: 'unsupported_destination', supportedCountries: ['DE'] }).client.generate({}))).supportedCountries, ['DE']);
  assert.equal((await failure(clientFor(400, { code: 'unsupported_destination', supportedCountries: ['GB'], country: 'GG' }).client.generate({}))).country, 'GG');
  const { fields, why } = await failure(clientFor(400, { code: 'invalid_request', errors: [{ field: 'phone', reason: 'is missing' }, { field: 'x' }] }).client.generate({}));
  assert.deepEqual([fields, why], [['phone', 'x'], { phone: 'is missing' }]);
  assert.equal((await failure(clientFor(403, { code: 'locked' }, { 'retry-after': '900' }).client.verify('s', '1'))).retryAfter, 900);
});

test('responses of API Gateway itself have a code too', async () => {
  for (const [status, code] of [[404, 'no_route'], [413, 'too_large'], [429, 'too_many_requests'], [500, 'internal'], [503, 'unavailable'], [418, 'bad_answer']]) {
    assert.equal((await failure(clientFor(status, { message: 'x' }).client.verify('s', '1'))).code, code);
    assert.equal((await failure(clientFor(status, '<html>').client.verify('s', '1'))).code, code);
  }
});

test('P5: the pages of a WAF, of CloudFront and of a proxy are distinguished', async () => {
  for (const [status, code] of [[403, 'refused'], [502, 'unavailable'], [504, 'unavailable']]) {
    assert.equal((await failure(clientFor(status, '<html><h1>403 ERROR</h1>').client.verify('s', '1'))).code, code);
  }
  assert.equal((await failure(clientFor(403, { code: 'locked' }).client.verify('s', '1'))).code, 'locked');
});

test('a 200 that is not from the API is no success', async () => {
  for (const body of ['<!doctype html>', 'null', '{}', '{"verified":"true"}', '[]']) {
    assert.equal((await failure(clientFor(200, body).client.verify('s', '1'))).code, 'bad_answer', body);
  }
});

test('no connection and no response are distinguished', async () => {
  const broken = new Client('/api', { fetchFn: async () => { throw new TypeError('failed to fetch'); } });
  assert.equal((await failure(broken.verify('s', '1'))).code, 'network');
  const silent = new Client('/api', {
    timeoutMs: 5,
    fetchFn: (url, { signal }) => new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    }),
  });
  assert.equal((await failure(silent.verify('s', '1'))).code, 'timeout');
});

test('a response whose body does not end is a timeout, one that breaks off is no connection', async () => {
  const body = (start) => async (url, { signal }) => new Response(new ReadableStream({ start: (stream) => start(stream, signal) }));
  const endless = body((stream, signal) => signal.addEventListener('abort', () => stream.error(signal.reason)));
  assert.equal((await failure(new Client('/api', { timeoutMs: 5, fetchFn: endless }).verify('s', '1'))).code, 'timeout');
  const broken = body((stream) => stream.error(new TypeError('network error')));
  assert.equal((await failure(new Client('/api', { fetchFn: broken }).verify('s', '1'))).code, 'network');
});

test('P4: a browser without AbortSignal.timeout sends, and gives up in time', async (t) => {
  const timeout = AbortSignal.timeout;
  t.after(() => { AbortSignal.timeout = timeout; });
  delete AbortSignal.timeout;
  const { client } = clientFor(200, { verified: true });
  assert.ok((await client.verify('s', '1')).verified);
  const silent = new Client('/api', { timeoutMs: 5, fetchFn: (url, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))) });
  assert.equal((await failure(silent.verify('s', '1'))).code, 'timeout');
});

test('Retry-After is seconds or a date', () => {
  const now = Date.UTC(2026, 0, 1);
  for (const [header, seconds] of [['30', 30], ['0', 0], ['Thu, 01 Jan 2026 00:00:30 GMT', 30], ['Wed, 31 Dec 2025 00:00:00 GMT', 0], ['soon', undefined], ['', undefined], [null, undefined]]) {
    assert.equal(retryAfterSeconds(header, now), seconds, String(header));
  }
});

test('a POST asks for a session\'s state, and its times are converted to this browser\'s clock', async () => {
  const answer = { state: 'sent', channel: 'email', destination: 'a•••@b', expiresAt: '2026-11-21T12:05:00Z', resendAt: '2026-11-21T12:00:30Z', attemptsRemaining: 5 };
  const { client, sent } = clientFor(200, answer, { date: 'Sat, 21 Nov 2026 12:00:00 GMT' });
  const told = await client.status('s');
  assert.deepEqual([sent[0].url, sent[0].body, sent[0].init.method], ['/api/status', { sessionId: 's' }, 'POST']);
  const left = (told.expiresAt - Date.now()) / 1000;
  assert.ok(left <= 299 && left > 290, `${left} s are left`); // Date may be up to a second old
  assert.deepEqual([told.state, told.destination, told.attemptsRemaining], ['sent', 'a•••@b', 5]);
});

test('a response with an unknown channel is a bad one', async () => {
  for (const channel of ['fax', 'SMS', '', null, undefined]) {
    const { client } = clientFor(200, { state: 'sent', channel, destination: '•••78' });
    assert.equal((await failure(client.status('s'))).code, 'bad_answer', String(channel));
  }
});

test('the state of a locked session says for how long', async () => {
  const locked = { state: 'locked', channel: 'email', expiresAt: '2026-11-21T12:05:00Z', resendAt: null, attemptsRemaining: 0 };
  for (const [headers, seconds] of [[{ 'retry-after': '840' }, 840], [{}, undefined]]) {
    assert.equal((await clientFor(200, locked, headers).client.status('s')).retryAfter, seconds);
  }
});

test('times that cannot be converted are undefined, and null stays null', async () => {
  const { client } = clientFor(200, { state: 'sent', channel: 'email', expiresAt: '2026-11-21T12:05:00Z', resendAt: null });
  const told = await client.status('s');
  assert.deepEqual([told.expiresAt, told.resendAt], [undefined, null]);
});

test('a wrong clock here changes nothing of what is left', () => {
  const date = 'Sat, 21 Nov 2026 12:00:00 GMT';
  for (const now of [Date.parse(date), 0, Date.parse('2031-01-01')]) {
    assert.equal(byOwnClock('2026-11-21T12:05:00Z', date, now) - now, 299_000);
  }
  for (const none of [null, '', 'x']) assert.equal(byOwnClock('2026-11-21T12:05:00Z', none), undefined);
});
