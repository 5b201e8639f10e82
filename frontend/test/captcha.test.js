import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Solution, scriptUrl } from '../captcha.js';

const code = (promise) => promise.then(() => 'solved', (error) => error.code);

test('each script is the provider\'s own, calls back and draws nothing by itself', () => {
  const url = (settings) => scriptUrl({ siteKey: 'key', ...settings }, 'en', 'https://site.example/');
  assert.equal(url({ provider: 'turnstile' }), 'https://challenges.cloudflare.com/turnstile/v0/api.js?onload=streamotpCaptchaLoaded&render=explicit');
  assert.equal(url({ provider: 'hcaptcha' }), 'https://js.hcaptcha.com/1/api.js?onload=streamotpCaptchaLoaded&render=explicit&hl=en&recaptchacompat=off');
  assert.equal(url({ provider: 'recaptcha' }), 'https://www.google.com/recaptcha/api.js?onload=streamotpCaptchaLoaded&render=explicit&hl=en');
  assert.equal(url({ provider: 'recaptcha', version: 3 }), 'https://www.google.com/recaptcha/api.js?onload=streamotpCaptchaLoaded&render=key&hl=en');
  assert.equal(url({ provider: 'turnstile', script: '/stub.js?a=b' }), 'https://site.example/stub.js?a=b&onload=streamotpCaptchaLoaded&render=explicit');
});

test('an unsolved checkbox is reported at once', async () => {
  assert.equal(await code(new Solution(true).token()), 'captcha_missing');
});

test('a token is there until it expires', async () => {
  const solution = new Solution(true);
  solution.solve('token');
  assert.equal(await solution.token(), 'token');
  solution.clear();
  assert.equal(await code(solution.token()), 'captcha_missing');
});

test('a provider that may need nothing from the visitor is waited for', async () => {
  const solution = new Solution(false);
  const waiting = [solution.token(), solution.token()];
  solution.solve('token');
  assert.deepEqual(await Promise.all(waiting), ['token', 'token']);
});

test('a waiting call learns that the visitor is needed, or that no token will come', async () => {
  const asking = new Solution(false);
  const first = asking.token();
  asking.ask();
  assert.equal(await code(first), 'captcha_missing');
  assert.equal(await code(asking.token()), 'captcha_missing');
  const failing = new Solution(false);
  const second = failing.token();
  failing.fail();
  assert.equal(await code(second), 'captcha_unavailable');
});

test('the pages\' own policy allows what the template lists, the same on each page', async () => {
  const read = (path) => readFile(new URL(path, import.meta.url), 'utf8');
  const template = await read('../../template.yaml');
  const listed = [...template.matchAll(/^ +(Script|Frame|Style)Src: " (https.*)"$/gm)];
  assert.equal(listed.length, 7);
  for (const page of ['index', 'verify', 'forgot']) {
    const policy = (await read(`../${page}.html`)).match(/content="(default-src[^"]*)"/)[1];
    for (const [, directive, sources] of listed) {
      const allowed = policy.match(new RegExp(`${directive.toLowerCase()}-src ([^;]*)`))[1].split(' ');
      for (const source of sources.split(' ')) assert.ok(allowed.includes(source), `${page}: ${directive} ${source}`);
    }
  }
});
