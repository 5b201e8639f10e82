import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../client.js';
import * as words from '../words.js';

test('a wait is rounded up and has one unit', () => {
  const table = [[0, '1 second'], [1, '1 second'], [59, '59 seconds'], [60, '1 minute'], [61, '2 minutes'], [900, '15 minutes'],
    [5400, '90 minutes'], [5401, '2 hours'], [86400, '24 hours']];
  for (const [seconds, text] of table) assert.equal(words.duration(seconds), text);
});

test('a clock never shows less than 0:00', () => {
  for (const [seconds, text] of [[300, '5:00'], [271.2, '4:32'], [59.9, '1:00'], [9, '0:09'], [0, '0:00'], [-5, '0:00']]) {
    assert.equal(words.clock(seconds), text);
  }
});

test('a code went to what was typed, in full, or to the phone of its account', () => {
  assert.equal(words.sentTo('ada@exmaple.com', { channel: 'email', destination: 'a•••@exmaple.com' }), 'ada@exmaple.com');
  assert.equal(words.sentTo('+49 151 12345678', { channel: 'sms', destination: '•••78' }), '+49 151 12345678');
  assert.equal(words.sentTo('ada@example.com', { channel: 'sms', destination: '•••78' }), 'the phone ending in 78');
  assert.throws(() => words.sentTo('ada@example.com', { channel: 'fax', destination: '•••78' }), /unknown channel/);
});

test('a number without its country is rejected here, every other one by the API', () => {
  for (const typed of ['', '0151 12345678', '49 151 12345678', '٠١٥١١٢٣٤٥٦٧٨', '(0151) 123-456-78']) assert.ok(words.lacksCountry(typed), typed);
  for (const typed of ['+49 151 12345678', '0049 151/12345678', '\u202d+49 151 12345678\u202c', '＋４９ １５１', '4.9E+12', '="+4915112345678"', 'x']) assert.ok(!words.lacksCountry(typed), typed);
});

test('an address needs something before and after its @', () => {
  for (const good of ['a@b', ' ada@example.com ', 'ü@exämple.com', '\u200bada@example.com', '\u00a0ada@example.com\u202c']) assert.ok(words.isEmail(good), good);
  for (const bad of ['', 'ada', '@b', 'a@', 'a b@c', 'a@b@c']) assert.ok(!words.isEmail(bad), bad);
});

test('countries have names', () => {
  assert.equal(words.countries(['DE', 'US', 'GB']), 'Germany, the United States, and the United Kingdom');
  assert.equal(words.countries(['DE']), 'Germany');
  assert.equal(words.countries(['!']), '!');
});

const LOGIN = ['email', 'password'];
const CODE = ['code'];
const RESET = ['code', 'password'];

test('each error of the API is explained where it belongs', async (t) => {
  const rules = [
    ['a refused address', LOGIN, ['invalid_request', 400, { fields: ['sessionId', 'email'] }], 'email', /name@example\.com/],
    ['a refused field that is not on the form', LOGIN, ['invalid_request', 400, { fields: ['purpose'], requestId: 'r-7' }], undefined, /r-7/],
    ['no match', LOGIN, ['invalid_credentials', 401], 'password', /address or the password/],
    ['a locked account at the first step', LOGIN, ['locked', 403, { retryAfter: 900 }], undefined, /^Try again in 15 minutes\./],
    ['too often', LOGIN, ['too_many_requests', 429, { retryAfter: 40 }], undefined, /40 seconds/],
    ['too often, without a time', LOGIN, ['too_many_requests', 429], undefined, /few minutes/],
    ['a wrong code', CODE, ['wrong_code', 401, { attemptsRemaining: 4 }], 'code', /4 tries/],
    ['a wrong code with one try left', CODE, ['wrong_code', 401, { attemptsRemaining: 1 }], 'code', /One try left/],
    ['P10: a wrong code after a second request', CODE, ['wrong_code', 401, { attemptsRemaining: 4, repeated: true }], 'code', /Use the code of the newest message\. 4 tries/],
    ['a code of the wrong shape', CODE, ['invalid_request', 400, { fields: ['code'] }], 'code', /digits/],
    ['a weak password', RESET, ['weak_password', 422, { reasons: ['common', 'contains_address'] }], 'password', /common.*address/],
    ['a weak password for a new reason', RESET, ['weak_password', 422, { reasons: ['?'] }], 'password', /too easy/],
    ['a country without SMS', ['phone'], ['unsupported_destination', 400, { supportedCountries: ['DE'] }], 'phone', /Germany/],
    ['a number of a country that shares its code', ['phone'], ['unsupported_destination', 400, { supportedCountries: ['GB'], country: 'GG' }], 'phone', /numbers of Guernsey\. Use a mobile number from the United Kingdom/],
    ['a number that cannot be read', ['phone'], ['invalid_request', 400, { fields: ['phone'], why: { phone: 'has too few digits for its country' } }], 'phone', /^This number has too few digits for its country\.$/],
    ['a number that cannot be read, by an older API', ['phone'], ['invalid_request', 400, { fields: ['phone'] }], 'phone', /country code/],
    ['SMS is off', ['phone'], ['unsupported_destination', 400, { supportedCountries: [] }], 'phone', /does not send text/],
    ['an address that SES cannot send to', ['email'], ['unsupported_destination', 400], 'email', /before the @.*another one/],
    ['O5: the phone of an account', LOGIN, ['unsupported_destination', 400, { supportedCountries: ['DE'] }], undefined, /phone number of this account/],
    ['O5: the phone of an account where SMS is off', LOGIN, ['unsupported_destination', 400, { supportedCountries: [] }], undefined, /phone number of this account/],
    ['an address that became unsupported at a resend', CODE, ['unsupported_destination', 400], undefined, /another one/],
    ['P5: a firewall', CODE, ['refused', 403], undefined, /turned away before it reached the service/],
    ['the service is down', CODE, ['unavailable', 503, { retryAfter: 5 }], undefined, /5 seconds/],
    ['no network', CODE, ['network'], undefined, /connection/],
    ['a slow answer', CODE, ['timeout'], undefined, /too long/],
    ['a wrong apiBaseUrl', CODE, ['no_route', 404], undefined, /apiBaseUrl/],
    ['an unknown code', CODE, ['something_new', 418, { requestId: 'r-1' }], undefined, /r-1/],
  ];
  for (const [name, form, error, field, text] of rules) {
    await t.test(name, () => {
      const shown = words.explain(new ApiError(...error), form);
      assert.equal(shown.field, field);
      assert.match(shown.text, text);
      assert.equal(shown.ended, undefined);
    });
  }
});

test('a code that cannot be used any more ends the step', () => {
  for (const [error, title] of [
    [['wrong_code', 401, { attemptsRemaining: 0, retryAfter: 900 }], /^Locked for 15 minutes$/],
    [['locked', 403, { retryAfter: 3600 }], /^Locked for 60 minutes$/],
    [['locked', 403], /^Locked for some minutes$/],
    [['code_expired', 410], /expired/],
    [['code_used', 410], /used/],
    [['session_not_found', 404], /no longer valid/],
  ]) {
    const { ended, field, text } = words.explain(new ApiError(...error), CODE);
    assert.match(ended.title, title);
    assert.equal('lock' in ended, /Locked/.test(ended.title), error[0]);
    assert.equal(field ?? text, undefined);
  }
});
