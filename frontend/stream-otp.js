// <stream-otp>: asks for a code and takes it, for one purpose.
//
//   <stream-otp purpose="login" client-id="…" nonce="…" api="https://login.example.com/api"></stream-otp>
//
// Attributes:
//   purpose    verify (the default), login, passwordless (a code alone), sign-up (the same in words for new people) or reset
//   client-id  the client that the proof is for, and
//   nonce      the application's value for this browser, which the proof repeats. Neither is sent for a reset
//   api        the API's URL; the settings are read from config.json beside it. Without it config.json of the page names the API
//   config     the URL of another config.json
//   locale     the language of the messages, as a BCP 47 tag; the document's own by default
//   autofocus  the first field gets the focus at once
//   transaction  in the site's own login page only: the login that an application began (hosted.js)
//
// Events, which bubble:
//   streamotp-verified  the code was right: {purpose, proof, proofExpiresAt, email, phone}, the last four undefined for a reset. After
//                       preventDefault the last step is not shown
//   streamotp-ended     the code cannot be used any more: {reason}, one of code_expired, code_used, locked, session_not_found
//   streamotp-error     a request failed: {code, status, fields, requestId}; the element shows it to the person
//   streamotp-step      another step is shown: {step, heading}; step is start, code, ended or done
//   streamotp-ready     the settings were read: {settings}
//
// What is in the element is shown until its module has loaded. A <template data-for="start"> is shown at the end of that step; in it, a
// button with data-restart begins again. The element reads its attributes when it is put into the document. It sends nothing by itself:
// neither then nor after a reload, when it goes on with the code that was asked for.

import { openCaptcha } from './captcha.js';
import { Client } from './client.js';
import { codeStep } from './code-step.js';
import { isBaseUrl, loadConfig } from './config.js';
import { channelOf } from './channels.js';
import { emit } from './dom.js';
import { bindForm } from './form.js';
import { openHosted } from './hosted.js';
import { stepsOf } from './markup.js';
import { purposes } from './purposes.js';
import { SessionStore } from './session.js';
import { Steps } from './steps.js';

// A server that renders pages may import this module, and has no elements.
export class StreamOTP extends (globalThis.HTMLElement ?? Object) {
  #life; // ends the timers and listeners that outlive the element's content

  connectedCallback() {
    this.#life = new AbortController();
    this.#open(this.#life.signal);
  }

  disconnectedCallback() {
    this.#life.abort();
    this.replaceChildren(...this.querySelectorAll(':scope > template'));
  }

  async #open(signal) {
    const name = this.getAttribute('purpose') ?? 'verify';
    const purpose = Object.hasOwn(purposes, name) && purposes[name];
    if (!purpose) throw new TypeError(`<stream-otp>: the purpose must be one of ${Object.keys(purposes).join(', ')}`);
    const transaction = this.getAttribute('transaction') ?? undefined;
    // A browser hides the attribute nonce where the page has a policy, so it is read as a property.
    const client = { clientId: this.getAttribute('client-id') ?? undefined, nonce: this.nonce || undefined };
    const request = name === 'reset' ? {} : transaction ? { transaction } : client;
    const sentAs = purpose.sentAs ?? name;

    for (const child of [...this.childNodes]) if (child.localName !== 'template') child.remove(); // what stood there until now
    this.append(...stepsOf(purpose));
    for (const template of this.querySelectorAll(':scope > template')) {
      this.querySelector(`section[data-step="${template.dataset.for}"]`)?.append(template.content.cloneNode(true));
    }
    const store = new SessionStore(name, Object.values(request).filter(Boolean).join(' '));
    const steps = new Steps(this, name);
    const focus = this.hasAttribute('autofocus');
    const showFirst = () => steps.show(steps.remembered() === 'code' && store.load() ? 'code' : 'start', { focus });
    // This is shown before the settings arrive, so that a reload does not flash the first step.
    if (!transaction) showFirst();

    const { settings, problem, url } = await this.#settings();
    if (signal.aborted) return;
    this.#showProblem(problem);
    emit(this, 'streamotp-ready', { settings });
    const locale = this.getAttribute('locale') ?? document.documentElement.lang;
    const api = new Client(settings.apiBaseUrl, { locale });
    const hosted = transaction && await openHosted(steps, api, transaction, name);
    if (signal.aborted || (transaction && !hosted)) return;
    if (hosted) showFirst();
    const form = steps.section('start').querySelector('form');
    const captcha = openCaptcha(settings.captcha, form, { purpose: sentAs, language: locale || 'en', base: url });
    const flow = { settings, client: api, steps, store, signal };
    const code = codeStep(flow, purpose, (answer) => {
      this.#forget(flow);
      return hosted ? hosted.complete(answer.proof) : this.#finish(flow, sentAs, answer);
    });

    window.addEventListener('popstate', () => {
      if (steps.remembered() === steps.current) return; // the application's own navigation
      if (steps.remembered() === 'code' && store.load()) code.open();
      else this.#restart(flow);
    }, { signal });
    for (const button of this.querySelectorAll('[data-restart]')) {
      button.addEventListener('click', () => {
        store.clear();
        this.#restart(flow);
        // The typed text stays. Another address replaces it.
        if (button.dataset.restart === 'other') document.activeElement.select?.();
      });
    }
    this.querySelector('[data-resume] button').addEventListener('click', () => code.open({ entry: 'push' }));
    if (form.elements.channel) offerChannels(form, settings.channels);
    bindForm(form, {
      check: purpose.check,
      send: async ({ contact_me_by_fax_only, ...values }) => {
        const asked = Date.now();
        const { request: own, address, channel } = purpose.request(values);
        const answer = await captcha.solved((captchaToken) => api.generate({ purpose: sentAs, ...own, ...request, contact_me_by_fax_only, captchaToken }))
          .catch((error) => { if (!hosted?.ends(error)) throw error; });
        if (!answer) return;
        if (form.elements.password) form.elements.password.value = '';
        code.begin({ sessionId: answer.sessionId, address, channel, asked });
      },
    });
    if (steps.current === 'code') code.open({ focus });
    else this.#offerResume(flow); // without moving the focus: the visitor may already be typing
  }

  // Reads config.json; the attribute api wins over what it says.
  async #settings() {
    const api = this.getAttribute('api');
    const url = this.getAttribute('config') ?? (api ? new URL('config.json', new URL(api, document.baseURI)).href : 'config.json');
    const read = { ...await loadConfig(url), url };
    if (api === null) return read;
    if (isBaseUrl(api)) return { ...read, settings: { ...read.settings, apiBaseUrl: api } };
    return { ...read, problem: '<stream-otp>: api must be a path or an https:// URL; http:// is for localhost and 127.0.0.1 only.' };
  }

  #showProblem(problem) {
    const box = this.querySelector('[data-problem]');
    box.textContent = problem;
    box.hidden = problem === '';
  }

  // Showing the first step sends nothing.
  #restart(flow) {
    this.#offerResume(flow);
    // A password manager may have filled in the hidden field. Disabled, it stays empty, so that the next code is a real one.
    Object.assign(this.querySelector('[data-trap] input'), { value: '', disabled: true });
    flow.steps.show('start');
  }

  // Offers to return to a code that is still on its way. This browser's clock may be wrong: if the time is over by that clock, the
  // API decides.
  async #offerResume({ store, client }) {
    const session = store.load();
    const seemsOver = session !== null && session.expiresAt <= Date.now();
    this.#showResume(seemsOver ? null : session);
    if (!seemsOver) return;
    const state = await client.status(session.sessionId).then((answer) => answer.state, (error) => error.code);
    if (store.load()?.sessionId !== session.sessionId) return;
    if (['expired', 'used', 'session_not_found'].includes(state)) store.clear();
    else if (['pending', 'sent', 'delivered'].includes(state)) this.#showResume(session);
  }

  #showResume(session) {
    const note = this.querySelector('[data-resume]');
    note.hidden = session === null;
    note.querySelector('[data-destination]').textContent = session?.destination ?? '';
  }

  // Removes everything that was typed, for the next person at this screen.
  #forget({ store }) {
    store.clear();
    for (const form of this.querySelectorAll('form')) form.reset();
  }

  #finish({ steps }, purpose, { proof, proofExpiresAt, email, phone }) {
    const place = this.querySelector('[data-proven]');
    if (place) place.textContent = email ?? phone;
    if (emit(this, 'streamotp-verified', { purpose, proof, proofExpiresAt, email, phone }, { cancelable: true })) steps.show('done');
  }
}

// Only the field of the chosen channel is in use; with a single channel there is nothing to choose.
function offerChannels(form, channels) {
  form.querySelector('[data-choice]').hidden = channels.length < 2;
  for (const choice of form.elements.channel) choice.parentElement.hidden = !channels.includes(choice.value);
  function useChannel() {
    if (!channels.includes(form.elements.channel.value)) form.elements.channel.value = channels[0];
    const { field } = channelOf(form.elements.channel.value);
    for (const part of form.querySelectorAll('[data-field]')) {
      const inUse = part.dataset.field === field;
      part.hidden = !inUse;
      part.querySelector('input').disabled = !inUse;
    }
  }
  form.addEventListener('change', useChannel);
  form.addEventListener('reset', () => queueMicrotask(useChannel));
  useChannel();
}

globalThis.customElements?.define('stream-otp', StreamOTP);
