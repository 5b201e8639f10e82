// The CAPTCHA that config.json may name, before every request that has a code sent. Without a CAPTCHA nothing is loaded.

import { ApiError } from './client.js';

// Each provider's script, and the name that the script gives its API. All three call back when they are loaded.
const PROVIDERS = {
  recaptcha: { script: 'https://www.google.com/recaptcha/api.js', api: 'grecaptcha' },
  turnstile: { script: 'https://challenges.cloudflare.com/turnstile/v0/api.js', api: 'turnstile' },
  hcaptcha: { script: 'https://js.hcaptcha.com/1/api.js', api: 'hcaptcha' },
};

const LOADED = 'streamotpCaptchaLoaded'; // the scripts call a function of window by its name
const PATIENCE_MS = 10_000; // for the script, and for a token that comes without the visitor
const NARROW = '(max-width: 21.5rem)'; // as in style.css: a normal widget of 304 px does not fit the card

// Returns {solved}: solved(call) gets a token, runs call(token) and prepares for the next attempt, because a token works
// once. It rejects with an ApiError: captcha_missing if the visitor still has to do something, captcha_unavailable if
// the provider's script does not load.
export function openCaptcha(settings, form, { purpose, language, base }) {
  if (settings === null) return { solved: (call) => call(undefined) };
  const url = scriptUrl(settings, language, new URL(base, document.baseURI));
  const api = loadScript(url, PROVIDERS[settings.provider].api);
  const challenge = settings.version === 3 ? invisible(api, settings, purpose) : widget(api, settings, form, purpose, language);
  return {
    async solved(call) {
      const token = await challenge.token();
      try {
        return await call(token);
      } finally {
        challenge.reset();
      }
    },
  };
}

export function scriptUrl({ provider, siteKey, version, script = PROVIDERS[provider].script }, language, base) {
  const url = new URL(script, base);
  url.searchParams.set('onload', LOADED);
  url.searchParams.set('render', version === 3 ? siteKey : 'explicit');
  if (provider !== 'turnstile') url.searchParams.set('hl', language); // Turnstile takes it with the widget
  if (provider === 'hcaptcha') url.searchParams.set('recaptchacompat', 'off');
  return url.href;
}

const scripts = new Map(); // by URL: the provider's API, once it is loaded

// Resolves to the provider's API, even if the script loads late. Elements that need the same script share it.
function loadScript(url, name) {
  if (!scripts.has(url)) scripts.set(url, addScript(url, name));
  return scripts.get(url);
}

function addScript(url, name) {
  const loaded = new Promise((resolve, reject) => {
    window[LOADED] = () => resolve(window[name]);
    const script = document.createElement('script');
    script.src = url;
    script.async = true;
    script.addEventListener('error', () => reject(new ApiError('captcha_unavailable')));
    document.head.append(script);
  });
  loaded.catch(() => { /* reported when a code is requested */ });
  return loaded;
}

// reCAPTCHA v3: nothing is visible, and each attempt has a token of its own.
function invisible(api, { siteKey }, purpose) {
  return {
    token: () => inTime(available(api.then((grecaptcha) => grecaptcha.execute(siteKey, { action: purpose }))), 'captcha_unavailable'),
    reset() {},
  };
}

function widget(api, { provider, siteKey }, form, purpose, language) {
  const place = placeIn(form);
  // Turnstile may need nothing from the visitor, and reports it if it does; the others always show a checkbox.
  const state = new Solution(provider !== 'turnstile');
  const ready = available(api.then((provided) => {
    const options = { sitekey: siteKey, size: sizeOf(provider), callback: (token) => state.solve(token) };
    options['expired-callback'] = () => state.clear();
    options['error-callback'] = () => state.fail();
    if (provider === 'turnstile') {
      Object.assign(options, { action: purpose, theme: 'auto', language, 'response-field': false });
      options['before-interactive-callback'] = () => state.ask();
    } else {
      options.theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
    }
    const id = provided.render(place, options);
    return { reset: () => provided.reset(id) };
  }));
  ready.catch(() => { /* as above */ });
  return {
    async token() {
      await inTime(ready, 'captcha_unavailable');
      try {
        return await inTime(state.token(), 'captcha_missing');
      } catch (error) {
        place.querySelector('iframe, input')?.focus();
        throw error;
      }
    },
    reset() {
      state.clear();
      ready.then(({ reset }) => reset());
    },
  };
}

// The widget is above the alert, which shows its errors, and above the button.
function placeIn(form) {
  const place = document.createElement('div');
  place.className = 'otp-captcha';
  place.setAttribute('role', 'group');
  place.setAttribute('aria-label', 'Check that you are a person');
  form.querySelector('[data-alert]').before(place);
  return place;
}

function sizeOf(provider) {
  if (matchMedia(NARROW).matches) return 'compact';
  return provider === 'turnstile' ? 'flexible' : 'normal';
}

// A token that the provider gives at any time, and takes back when it expires.
export class Solution {
  #token = '';
  #asks; // the visitor has to do something
  #waiting = [];

  constructor(asks) {
    this.#asks = asks;
  }

  solve(token) {
    this.#token = token;
    for (const { resolve } of this.#waiting.splice(0)) resolve(token);
  }

  clear() {
    this.#token = '';
  }

  ask() {
    this.#asks = true;
    this.#refuse('captcha_missing');
  }

  // The widget itself notifies the visitor, and may retry.
  fail() {
    this.clear();
    this.#refuse('captcha_unavailable');
  }

  #refuse(code) {
    for (const { reject } of this.#waiting.splice(0)) reject(new ApiError(code));
  }

  async token() {
    if (this.#token) return this.#token;
    if (this.#asks) throw new ApiError('captcha_missing');
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}

// An error of the provider's own script means that the CAPTCHA is unavailable.
function available(promise) {
  return promise.catch((cause) => { throw new ApiError('captcha_unavailable', 0, { cause }); });
}

function inTime(promise, code, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new ApiError(code)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
