// The CAPTCHA that config.json may name, in front of every call that has a code sent. Without one nothing is loaded.

import { ApiError } from './api.js';

// Where each provider's script lies, and the name that it gives its API. All three call back when they are loaded.
const PROVIDERS = {
  recaptcha: { script: 'https://www.google.com/recaptcha/api.js', api: 'grecaptcha' },
  turnstile: { script: 'https://challenges.cloudflare.com/turnstile/v0/api.js', api: 'turnstile' },
  hcaptcha: { script: 'https://js.hcaptcha.com/1/api.js', api: 'hcaptcha' },
};

const LOADED = 'streamotpCaptchaLoaded'; // the scripts call a function of window by its name
const PATIENCE_MS = 10_000; // for the script, and for a token that comes without the visitor
const NARROW = '(max-width: 21.5rem)'; // as in style.css: a normal widget of 304 px does not fit the card

// Returns {solved}: solved(call) gets a token, does call(token) and makes ready for the next attempt, for a token is good
// once. It rejects with an ApiError: captcha_missing where the visitor has yet to do something, captcha_unavailable where
// the provider's script does not come.
export function openCaptcha(settings, form, purpose) {
  if (settings === null) {
    shutProvidersOut();
    return { solved: (call) => call(undefined) };
  }
  tellOrigin();
  const api = loadScript(scriptUrl(settings, document.documentElement.lang), PROVIDERS[settings.provider].api);
  const challenge = settings.version === 3 ? invisible(api, settings, purpose) : widget(api, settings, form, purpose);
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

export function scriptUrl({ provider, siteKey, version, script = PROVIDERS[provider].script }, language, base = location.href) {
  const url = new URL(script, base);
  url.searchParams.set('onload', LOADED);
  url.searchParams.set('render', version === 3 ? siteKey : 'explicit');
  if (provider !== 'turnstile') url.searchParams.set('hl', language); // Turnstile takes it with the widget
  if (provider === 'hcaptcha') url.searchParams.set('recaptchacompat', 'off');
  return url.href;
}

// Pages carry a policy for hosts that send none, written before anybody knew whether there is a CAPTCHA. Of several
// policies each counts, so a second one takes the providers out of the first.
function shutProvidersOut() {
  const policy = document.createElement('meta');
  policy.httpEquiv = 'Content-Security-Policy';
  policy.content = "script-src 'self'; style-src 'self'; frame-src 'none'";
  document.head.append(policy);
}

// A provider may look at the referrer to see whether a site may use its key: it gets the origin, and nothing of the path.
function tellOrigin() {
  document.querySelector('meta[name=referrer]').content = 'strict-origin';
}

// Resolves to the provider's API. A script that was late but came is as good.
function loadScript(url, name) {
  const loaded = new Promise((resolve, reject) => {
    window[LOADED] = () => resolve(window[name]);
    const script = document.createElement('script');
    script.src = url;
    script.async = true;
    script.addEventListener('error', () => reject(new ApiError('captcha_unavailable')));
    document.head.append(script);
  });
  loaded.catch(() => { /* told when a code is asked for */ });
  return loaded;
}

// reCAPTCHA v3: nothing to see, and a token of its own for each attempt.
function invisible(api, { siteKey }, purpose) {
  return {
    token: () => inTime(available(api.then((grecaptcha) => grecaptcha.execute(siteKey, { action: purpose }))), 'captcha_unavailable'),
    reset() {},
  };
}

function widget(api, { provider, siteKey }, form, purpose) {
  const place = placeIn(form);
  // Turnstile may be content without the visitor, and says so when it is not; the others always show a checkbox.
  const state = new Solution(provider !== 'turnstile');
  const ready = available(api.then((provided) => {
    const options = { sitekey: siteKey, size: sizeOf(provider), callback: (token) => state.solve(token) };
    options['expired-callback'] = () => state.clear();
    options['error-callback'] = () => state.fail();
    if (provider === 'turnstile') {
      Object.assign(options, { action: purpose, theme: 'auto', language: document.documentElement.lang, 'response-field': false });
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

// The widget stands above the alert, which is where its errors are told, and the button.
function placeIn(form) {
  const place = document.createElement('div');
  place.className = 'captcha';
  place.setAttribute('role', 'group');
  place.setAttribute('aria-label', 'Check that you are a person');
  form.querySelector('[data-alert]').before(place);
  return place;
}

function sizeOf(provider) {
  if (matchMedia(NARROW).matches) return 'compact';
  return provider === 'turnstile' ? 'flexible' : 'normal';
}

// A token that the provider gives when it likes, and takes back when it expires.
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

  // The widget tells the visitor itself, and may try again.
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

// What a provider's own script throws is its own affair.
function available(promise) {
  return promise.catch((cause) => { throw new ApiError('captcha_unavailable', 0, { cause }); });
}

function inTime(promise, code, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new ApiError(code)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
