// Every sentence that depends on an answer or on a clock. Pure, so that it can be tested.

import { channelOf } from './channels.js';
import { foldAddress, foldNumber } from './fold.js';

const plural = (n, unit) => `${n} ${unit}${n === 1 ? '' : 's'}`;

// A wait, rounded up so that nobody comes back too early.
export function duration(seconds) {
  const s = Math.max(1, Math.ceil(seconds));
  if (s < 60) return plural(s, 'second');
  if (s <= 90 * 60) return plural(Math.ceil(s / 60), 'minute');
  return plural(Math.ceil(s / 3600), 'hour');
}

// 272 → "4:32"
export function clock(seconds) {
  const s = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}

// Where a code went: to what was typed, or from the address of an account to its phone, which the API masks.
export function sentTo(address, { channel, destination }) {
  const { field, masked } = channelOf(channel);
  return field === 'phone' && address.includes('@') ? masked(destination) : address;
}

// Enough to catch a slip; the server is the judge.
export const isEmail = (text) => /^[^\s@]+@[^\s@]+$/.test(foldAddress(text));

// The slip that most people make with a number. Of every other one the API says what is wrong.
export const lacksCountry = (text) => /^\d*$/.test(foldNumber(text));

// ISO codes → "Germany, India and the United States"
export function countries(codes) {
  const names = new Intl.DisplayNames('en', { type: 'region' });
  const name = (code) => {
    try {
      return names.of(code).replace(/^United (States|Kingdom)$/, 'the $&');
    } catch {
      return code; // not an ISO code
    }
  };
  return new Intl.ListFormat('en', { type: 'conjunction' }).format(codes.map(name));
}

const later = (error) => (error.retryAfter ? `Try again in ${duration(error.retryAfter)}.` : 'Try again in a few minutes.');

const FIELD_TEXT = {
  email: 'Enter an e-mail address, like name@example.com.',
  phone: 'Enter the number with its country code, like +49 151 23456789.',
  password: 'This password cannot be used.',
  code: 'Enter the digits of the code.',
};

// A number has many ways to be wrong, and only the API knows which.
function refusedText(field, why) {
  if (field === 'phone' && why) return `This number ${why}.`;
  return FIELD_TEXT[field] ?? 'This cannot be used.';
}

const REASON_TEXT = {
  too_short: 'Use at least 8 characters.',
  control_characters: 'It must not contain control characters.',
  too_long: 'This password is too long.',
  common: 'This password is on lists of common passwords, so it is easy to guess.',
  contains_address: 'It must not contain your e-mail address.',
  contains_app_name: 'It must not contain the name of this service.',
};

function weakPassword(reasons) {
  const known = reasons.map((r) => REASON_TEXT[r]).filter(Boolean);
  return known.length ? known.join(' ') : 'This password is too easy to guess. Choose another one.';
}

function wrongCode({ attemptsRemaining: left, repeated }) {
  const which = repeated ? 'Use the code of the newest message.' : 'Check it and try again.';
  if (left === undefined) return `Wrong code. ${which}`;
  return `Wrong code. ${repeated ? `${which} ` : ''}${left === 1 ? 'One try' : `${left} tries`} left.`;
}

// The heading of a lock: how long it lasts.
export const lockTitle = (seconds) => (seconds ? `Locked for ${duration(seconds)}` : 'Locked for some minutes');

const locked = (reason) => (e) => ({
  title: lockTitle(e.retryAfter), text: `${reason} To protect the account, no code is sent or accepted until then.`, lock: e.retryAfter ?? null,
});

// The states in which the code at hand is of no more use: a heading and what to do. `lock` is there where a new code is
// of no use either: for so many seconds, null if that is not known.
const ENDED = {
  wrong_code: locked('That code was wrong too, and it was the last try.'),
  locked: locked('Too many wrong codes were entered.'),
  session_not_found: () => ({ title: 'This code is no longer valid', text: 'We do not know this request any more. Ask for a new code.' }),
  code_expired: () => ({ title: 'The code has expired', text: 'For your safety a code works for a short time only. Ask for a new one.' }),
  code_used: () => ({ title: 'This code was already used', text: 'Each code works once. Ask for a new one.' }),
};

const OTHERS = {
  captcha_failed: () => 'We could not confirm that you are a person. Try again.',
  captcha_missing: () => 'First confirm that you are a person.',
  captcha_unavailable: () => 'The check that you are a person could not be loaded. Check your network and what may block it, then reload the page.',
  locked: (e) => `${later(e)} Too many wrong codes were entered, and to protect the account no code is sent until then.`,
  too_many_requests: (e) => `Too many requests in a short time. ${later(e)}`,
  unavailable: (e) => `The service cannot answer right now. ${e.retryAfter ? later(e) : 'Try again in a moment.'}`,
  network: () => 'There is no connection to the service. Check your network and try again.',
  timeout: () => 'The answer took too long. Try again.',
  refused: () => 'This request was turned away before it reached the service. If you use a VPN or a proxy, try without it.',
  no_route: () => 'The service was not found. Whoever runs this site should check apiBaseUrl in config.json.',
  bad_answer: () => 'The answer was not understood. Whoever runs this site should check apiBaseUrl in config.json.',
  session_not_found: () => 'We do not know this request any more. Ask for a new code.',
  too_large: () => 'That was too long. Shorten it and try again.',
};

// The text to show for an ApiError:
//   {field, text}         next to that field
//   {ended: {title, text, lock?}} the code is of no more use
//   {text}                above the form
// `named` is the fields that the form has; a code step has 'code' among them.
export function explain(error, named) {
  const { code } = error;
  const has = (field) => named.includes(field);
  if (has('code')) {
    if (code === 'wrong_code' && error.attemptsRemaining !== 0) return { field: 'code', text: wrongCode(error) };
    if (ENDED[code]) return { ended: ENDED[code](error) };
  }
  if (code === 'invalid_credentials' && has('password')) return { field: 'password', text: 'The e-mail address or the password is not right.' };
  if (code === 'weak_password' && has('password')) return { field: 'password', text: weakPassword(error.reasons) };
  if (code === 'unsupported_destination') return unsupported(error, has);
  const refused = code === 'invalid_request' && error.fields.find(has);
  if (refused) return { field: refused, text: refusedText(refused, error.why[refused]) };
  if (OTHERS[code]) return { text: OTHERS[code](error) };
  return { text: `Something went wrong on our side. Try again.${error.requestId ? ` If it happens again, tell us this number: ${error.requestId}` : ''}` };
}

function unsupported(error, has) {
  const where = error.supportedCountries; // the API says it of phones only
  if (!has('phone') && where) return { text: 'We cannot send text messages to the phone number of this account. Whoever runs this site can change where your codes go.' };
  if (has('email')) return { field: 'email', text: 'We cannot send to an address with letters like ä or я before the @. Use another one.' };
  if (!has('phone')) return { text: 'We cannot send to this address. Use another one.' };
  if (!where) return { field: 'phone', text: 'We cannot send text messages to this number. Use another one, or an e-mail address.' };
  if (where.length === 0) return { field: 'phone', text: 'This service does not send text messages. Use an e-mail address.' };
  const these = error.country ? `numbers of ${countries([error.country])}` : 'this number'; // +44 is Guernsey's too
  return { field: 'phone', text: `We cannot send text messages to ${these}. Use a mobile number from ${countries(where)}.` };
}
