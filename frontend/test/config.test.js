import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { defaults, loadConfig, readSettings } from '../config.js';

const answer = (body, init) => async () => new Response(body, init);

test('the file in the repository is good, and has the default values', async () => {
  const raw = JSON.parse(await readFile(new URL('../config.json', import.meta.url), 'utf8'));
  assert.deepEqual(readSettings(raw), { settings: { ...defaults }, bad: [] });
});

test('a good setting replaces its default', async () => {
  const { settings, problem } = await loadConfig('config.json', answer('{"codeLength":8,"apiBaseUrl":"https://x.example/api"}'));
  assert.equal(settings.codeLength, 8);
  assert.equal(settings.apiBaseUrl, 'https://x.example/api');
  assert.equal(settings.appName, 'StreamOTP');
  assert.equal(problem, '');
});

test('a bad setting is named and replaced by its default', async () => {
  const { settings, problem } = await loadConfig('config.json', answer('{"codeLength":"6","channels":["pigeon"],"appName":"Shop"}'));
  assert.equal(settings.codeLength, 6);
  assert.deepEqual(settings.channels, ['email', 'sms']);
  assert.equal(settings.appName, 'Shop');
  assert.match(problem, /codeLength, channels cannot be used\. .*It must be a list of one or more of email, .*sms/);
});

test('an unreadable file gives the defaults and a sentence', async () => {
  for (const fetchFn of [answer('', { status: 404 }), answer('<html>'), answer('[]'), answer('null'), async () => { throw new TypeError('offline'); }]) {
    const { settings, problem } = await loadConfig('config.json', fetchFn);
    assert.deepEqual(settings, { ...defaults });
    assert.match(problem, /config\.json/);
  }
});

test('a CAPTCHA is a known one, with its key', () => {
  const good = { provider: 'turnstile', siteKey: '0x4AAA-_' };
  for (const captcha of [null, good, { ...good, version: 2 }, { provider: 'recaptcha', siteKey: 'k', version: 3 }, { ...good, script: '/_local/captcha/api.js?provider=turnstile' },
    { ...good, script: 'https://www.recaptcha.net/recaptcha/api.js' }]) {
    assert.deepEqual(readSettings({ captcha }), { settings: { ...defaults, captcha }, bad: [] }, JSON.stringify(captcha));
  }
  for (const captcha of ['turnstile', {}, [], 7, false, { ...good, provider: 'none' }, { ...good, provider: 'toString' }, { provider: 'turnstile' }, { ...good, siteKey: '' },
    { ...good, siteKey: 'a b' }, { ...good, siteKey: 7 }, { ...good, version: 3 }, { ...good, version: '2' }, { ...good, script: '//evil.example/x.js' }, { ...good, script: '/\\evil.example/x.js' },
    { ...good, script: 'http://x.example/x.js' }, { ...good, script: 'data:text/javascript,1' }, { ...good, secret: 's' }]) {
    assert.deepEqual(readSettings({ captcha }), { settings: { ...defaults }, bad: ['captcha'] }, JSON.stringify(captcha));
  }
});

test('O8: an API on this machine may be called by http, and the page says so of any other', async () => {
  for (const good of ['http://127.0.0.1:3000/api', 'http://localhost/api', 'http://localhost:3000']) {
    assert.deepEqual(readSettings({ apiBaseUrl: good }).bad, [], good);
  }
  const { problem } = await loadConfig('config.json', answer('{"apiBaseUrl":"http://x.example/api"}'));
  assert.match(problem, /apiBaseUrl cannot be used.*must be a path or an https:\/\/ URL; http:\/\/ is for localhost and 127\.0\.0\.1/);
});

test('the pages\' own policy allows an API on this machine, the same on each page', async () => {
  for (const page of ['index', 'verify', 'forgot']) {
    const html = await readFile(new URL(`../${page}.html`, import.meta.url), 'utf8');
    assert.match(html, /connect-src 'self' https: http:\/\/localhost:\* http:\/\/127\.0\.0\.1:\*;/, page);
  }
});

test('the mailbox of the development stack is a path of the page\'s own origin', () => {
  assert.deepEqual(readSettings({ mailbox: '/_local/' }).bad, []);
  for (const mailbox of ['//evil.example', 'https://evil.example', 'javascript:1', '', 7, '/\\evil.example']) assert.deepEqual(readSettings({ mailbox }).bad, ['mailbox'], String(mailbox));
});

test('a code never travels in the open', () => {
  for (const good of ['/api', '/', '/a/b/', 'https://x.execute-api.eu-central-1.amazonaws.com/api', 'https://x.example']) {
    assert.deepEqual(readSettings({ apiBaseUrl: good }).bad, [], good);
  }
  for (const bad of ['', 'api', '//evil.example', 'http://x.example/api', 'http://localhost.evil.example/', 'http://localhost@evil.example/', 'http://127.0.0.1.evil.example', 'http://127.0.0.1:80@evil.example', 'http://10.0.0.1/api', 'http://[::1]:3000/api', 'https://', 'https://u@x.example/', '/api?x=1', '/api#x', 'javascript:1', '/\\evil.example', 7, null]) {
    assert.deepEqual(readSettings({ apiBaseUrl: bad }).bad, ['apiBaseUrl'], String(bad));
  }
});
