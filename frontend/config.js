// Reads config.json, the one file that differs between sites. A page with a broken config.json
// still works with the defaults, which fit a site and an API under one origin, and says so.

import { channelNames, isChannel } from './channels.js';

export const defaults = Object.freeze({
  apiBaseUrl: '/api',
  appName: 'StreamOTP',
  codeLength: 6,
  codeTtlSeconds: 300,
  resendCooldownSeconds: 30,
  channels: Object.freeze(['email', 'sms']),
  captcha: null,
  mailbox: null,
});

const whole = (least, most) => (v) => Number.isInteger(v) && v >= least && v <= most;

// The ranges are those of the template's parameters.
const checks = {
  apiBaseUrl: (v) => typeof v === 'string' && isBaseUrl(v),
  appName: (v) => typeof v === 'string' && v.trim() !== '' && v.length <= 60,
  codeLength: whole(6, 10),
  codeTtlSeconds: whole(60, 600),
  resendCooldownSeconds: whole(1, 600),
  channels: (v) => Array.isArray(v) && v.length > 0 && v.every(isChannel),
  captcha: (v) => v === null || isCaptcha(v),
  mailbox: (v) => v === null || (typeof v === 'string' && /^\/(?![/\\])/.test(v)), // the development stack's, which shows every message
};

// Hints for the settings that are easy to get wrong.
const hints = {
  apiBaseUrl: 'It must be a path or an https:// URL; http:// is for localhost and 127.0.0.1 only.',
  channels: `It must be a list of one or more of ${channelNames.join(', ')}.`,
};

// {provider, siteKey, version?, script?}: version 3 is reCAPTCHA's without a widget; script is loaded in place of the
// provider's own, from this origin or by https.
function isCaptcha({ provider, siteKey, version = 2, script = '/', ...others }) {
  return ['recaptcha', 'turnstile', 'hcaptcha'].includes(provider) &&
    typeof siteKey === 'string' && /^[\w-]{1,100}$/.test(siteKey) &&
    (version === 2 || (version === 3 && provider === 'recaptcha')) &&
    typeof script === 'string' && /^(\/(?![/\\])|https:\/\/[^/@\\]+\/)/.test(script) && Object.keys(others).length === 0;
}

// A path of this origin, or an absolute https URL. Plain http would carry codes and passwords in the open; it is allowed only if
// they do not leave this machine. The hosts are those that the pages' policy lists;
// [::1] is not among them, since browsers ignore an IPv6 address in a policy.
// A URL with a query or fragment cannot have "/generate" appended to it.
export function isBaseUrl(text) {
  if (/[?#\s\\]/.test(text)) return false;
  return /^\/(?!\/)/.test(text) || /^https:\/\/[^/@]+(\/|$)/.test(text) || /^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?(\/|$)/i.test(text);
}

// Keeps each good setting, and returns the names of the bad ones.
export function readSettings(raw) {
  const settings = { ...defaults };
  const bad = [];
  for (const [name, isGood] of Object.entries(checks)) {
    if (raw == null || !Object.hasOwn(raw, name)) continue;
    if (isGood(raw[name])) settings[name] = raw[name];
    else bad.push(name);
  }
  return { settings, bad };
}

// Never rejects: `problem` is a sentence for the page, or ''.
export async function loadConfig(url, fetchFn = fetch) {
  try {
    const response = await fetchFn(url, { credentials: 'omit', cache: 'no-cache' });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const raw = await response.json();
    if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) throw new Error('not an object');
    const { settings, bad } = readSettings(raw);
    const hint = bad.map((name) => hints[name]).filter(Boolean).join(' ');
    const problem = bad.length ? `config.json: ${bad.join(', ')} cannot be used. The default is used in its place. ${hint}`.trim() : '';
    return { settings, problem };
  } catch {
    return {
      settings: { ...defaults },
      problem: 'The settings of this page (config.json) could not be read. It goes on with the defaults.',
    };
  }
}
