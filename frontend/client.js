// The client of the StreamOTP API. Everything travels in the body of a POST: no address, code,
// password or session id is ever part of a URL, so none ends in a log or in the history.

import { isChannel } from './channels.js';

// API Gateway gives up after 30 s; a second more lets its own response arrive first.
const TIMEOUT_MS = 31_000;

// Responses of API Gateway, CloudFront and a WAF have no code, and some are HTML; these codes take its place.
const CODE_OF_STATUS = {
  403: 'refused', 404: 'no_route', 413: 'too_large', 415: 'not_json', 429: 'too_many_requests', 500: 'internal', 502: 'unavailable', 503: 'unavailable', 504: 'unavailable',
};

// An error, whichever layer it comes from.
//   code       the API's own code, or one of: network, timeout, refused, bad_answer, no_route; captcha.js adds captcha_missing
//              and captcha_unavailable, before anything is sent
//   status     the HTTP status, 0 if there was no response
//   fields     names of the fields that the API rejected
//   why        the reason for each of them: {field: text}, which completes "This field …"
//   reasons    why a new password was rejected
//   attemptsRemaining, supportedCountries, country, retryAfter (seconds), requestId: undefined if the response has none
//   repeated   set by code-step.js on a wrong code if this tab requested another code before
export class ApiError extends Error {
  constructor(code, status = 0, details = {}) {
    super(`${code} (${status})`);
    this.name = 'ApiError';
    Object.assign(this, { code, status, fields: [], why: {}, reasons: [] }, details);
  }
}

// Retry-After is a number of seconds or an HTTP date (RFC 9110, 10.2.3).
export function retryAfterSeconds(header, now = Date.now()) {
  if (!header) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000));
}

// `errors` names each field; RFC 9457's own example uses a JSON pointer for that.
function fieldNames(errors) {
  if (!Array.isArray(errors)) return Object.keys(errors ?? {});
  return errors.map((e) => String(e?.field ?? e?.name ?? e?.pointer ?? e).replace(/^#?\//, ''));
}

function fieldReasons(errors) {
  const list = Array.isArray(errors) ? errors : [];
  return Object.fromEntries(list.filter((e) => typeof e?.reason === 'string').map((e) => [e.field, e.reason]));
}

export function errorFrom(status, body, retryAfter) {
  const known = body !== null && typeof body === 'object' ? body : {};
  const code = typeof known.code === 'string' ? known.code : CODE_OF_STATUS[status] ?? 'bad_answer';
  return new ApiError(code, status, {
    fields: fieldNames(known.errors),
    why: fieldReasons(known.errors),
    reasons: Array.isArray(known.reasons) ? known.reasons.map(String) : [],
    attemptsRemaining: Number.isInteger(known.attemptsRemaining) ? known.attemptsRemaining : undefined,
    supportedCountries: Array.isArray(known.supportedCountries) ? known.supportedCountries.map(String) : undefined,
    country: typeof known.country === 'string' ? known.country : undefined,
    requestId: typeof known.requestId === 'string' ? known.requestId : undefined,
    retryAfter,
  });
}

// Converts a time of the API to this browser's clock, which may be wrong; the result is never later than the real time. Without a
// Date header, which an API of another origin must expose, it is undefined.
export function byOwnClock(time, date, now = Date.now()) {
  const serverNow = Date.parse(date ?? '') + 1000; // Date has whole seconds
  return Number.isNaN(serverNow) ? undefined : Date.parse(time) + now - serverNow;
}

export class Client {
  #base;
  #locale;
  #fetch;
  #timeoutMs;

  // locale is the language of the messages, as a BCP 47 tag
  constructor(baseUrl, { locale, fetchFn = fetch.bind(globalThis), timeoutMs = TIMEOUT_MS } = {}) {
    this.#base = baseUrl.replace(/\/+$/, '');
    this.#locale = locale;
    this.#fetch = fetchFn;
    this.#timeoutMs = timeoutMs;
  }

  // request: {purpose, email | phone, password?, clientId?, nonce?, transaction?, contact_me_by_fax_only?, captchaToken?} → {sessionId}
  generate(request) {
    return this.#post('generate', { ...request, locale: this.#locale }, (a) => typeof a.sessionId === 'string');
  }

  // → {sessionId}: the same code, sent again
  resend(sessionId) {
    return this.#post('resend', { sessionId }, (a) => typeof a.sessionId === 'string');
  }

  // → {verified: true, purpose, email | phone}
  verify(sessionId, code) {
    return this.#post('verify', { sessionId, code }, (a) => a.verified === true);
  }

  // → {reset: true}
  reset(sessionId, code, password) {
    return this.#post('reset', { sessionId, code, password }, (a) => a.reset === true);
  }

  // → {state, channel, destination, expiresAt, resendAt, attemptsRemaining, retryAfter}: the times in milliseconds since 1970
  // by this browser's clock, undefined if they cannot be converted; resendAt is null if the code is not sent again;
  // retryAfter is how many seconds a lock still lasts, undefined in any other state
  async status(sessionId) {
    let date, retryAfter;
    const answer = await this.#post('status', { sessionId }, (a) => typeof a.state === 'string' && isChannel(a.channel), {
      seen(headers) {
        date = headers.get('date');
        retryAfter = retryAfterSeconds(headers.get('retry-after'));
      },
    });
    const resendAt = answer.resendAt && byOwnClock(answer.resendAt, date);
    return { ...answer, expiresAt: byOwnClock(answer.expiresAt, date), resendAt, retryAfter };
  }

  // A call of the site's own login page, with the cookie of the browser in which an application's login began.
  // → {name, purposes, signUp, loginHint?, locale?}
  transaction(transaction) {
    return this.#post('oauth2/transaction', { transaction }, (a) => typeof a.name === 'string' && Array.isArray(a.purposes) && a.purposes.length > 0, { credentials: 'same-origin' });
  }

  // → {redirect}: the way back to the application
  complete(transaction, proof) {
    return this.#post('oauth2/complete', { transaction, proof }, (a) => typeof a.redirect === 'string', { credentials: 'same-origin' });
  }

  async #post(call, body, isExpected, { seen = () => {}, credentials = 'omit' } = {}) {
    const { response, answer } = await this.#send(call, body, credentials);
    seen(response.headers);
    if (!response.ok) throw errorFrom(response.status, answer, retryAfterSeconds(response.headers.get('retry-after')));
    // A page from a proxy or from a static host's fallback is a 200 too.
    if (answer === null || typeof answer !== 'object' || !isExpected(answer)) throw new ApiError('bad_answer', response.status);
    return answer;
  }

  // answer is null if the body is not JSON.
  async #send(call, body, credentials) {
    // Not AbortSignal.timeout, which Safari has only since 16.
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.#timeoutMs);
    try {
      const response = await this.#fetch(`${this.#base}/${call}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        credentials,
        cache: 'no-store',
        redirect: 'error', // a redirect would carry the password elsewhere
        referrerPolicy: 'no-referrer',
        signal: abort.signal,
      });
      return { response, answer: parsed(await response.text()) };
    } catch (cause) {
      throw new ApiError(abort.signal.aborted ? 'timeout' : 'network', 0, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
