// The step in which the code is typed: its field, its clocks, sending it again, and its ends.

import { ApiError } from './api.js';
import { fillCode, fitCodeField, listenForSms } from './code-field.js';
import { bindForm, clearErrors, present, showAlert, showErrors } from './form.js';
import { clock, maskedBy } from './words.js';

const MAX_RESENDS = 2; // the API's own limit for one session
const TICK_MS = 250; // shorter than a second, so that no second is skipped

// When the API is asked how the message fares: most arrive within the first of these, most bounces within the last.
const LOOKS_MS = [2_000, 5_000, 10_000, 20_000, 45_000];

export function codeStep(page, { usesSms, follows, lost, check = () => ({}), submit, done }) {
  const { settings, client, steps, store } = page;
  const section = steps.section('code');
  const form = section.querySelector('form');
  const input = form.elements.code;
  const length = settings.codeLength;
  let stopSms = () => {};
  let stopLooking = () => {};

  const bound = bindForm(form, {
    check: (values) => ({ ...(values.code.length === length ? {} : { code: `Enter all ${length} digits of the code.` }), ...check(values) }),
    send: async (values) => {
      stopSms();
      done(await submit(client, store.load().sessionId, values));
    },
    ended: end,
  });
  fitCodeField(input, length, 'auto' in form.dataset ? () => form.requestSubmit() : () => {}, () => {
    showErrors(form, { code: `This text does not have exactly one code of ${length} digits. Type the code.` });
  });

  const resend = bindResend(page, section, {
    failed: (error) => present(form, error, end),
    starting: () => clearErrors(form),
    sent: () => {
      waitForSms();
      follow(follows ? LOOKS_MS : []);
      input.focus(); // the code is what comes next, and the button may be gone
    },
  });

  // The code is of no more use: say why, and what to do.
  function end([title, text]) {
    stopSms();
    stopLooking();
    store.clear();
    form.elements.code.value = '';
    const ended = steps.section('ended');
    ended.querySelector('h1').textContent = title;
    ended.querySelector('[data-reason]').textContent = text;
    steps.show('ended');
  }

  function tick() {
    if (steps.current !== 'code') {
      stopLooking();
      return stopSms();
    }
    const session = store.load();
    const left = (session.expiresAt - Date.now()) / 1000;
    showTimeLeft(section, left);
    resend.tick(session);
    // An answer that is on its way decides, not this clock.
    if (left <= 0 && !bound.isBusy()) present(form, new ApiError('code_expired'), end);
  }
  setInterval(tick, TICK_MS);

  function waitForSms() {
    stopSms();
    if (usesSms(store.load(), settings)) stopSms = listenForSms((text) => fillCode(input, text, length));
  }

  // Asks the API where the session stands. What it cannot tell now it tells the next time.
  async function look(session) {
    let answer;
    try {
      answer = await client.status(session.sessionId);
    } catch (error) {
      if (error.code === 'session_not_found' && isCurrent(session)) present(form, error, end);
      return;
    }
    if (!isCurrent(session) || bound.isBusy()) return; // what was typed meanwhile has its own answer
    const over = { used: 'code_used', expired: 'code_expired', locked: 'locked' }[answer.state];
    if (over) present(form, new ApiError(over), end);
    else learn(answer);
    if (isSettled(answer)) stopLooking();
  }

  const isCurrent = ({ sessionId }) => steps.current === 'code' && store.load()?.sessionId === sessionId;

  function learn(answer) {
    const held = store.load();
    store.save({
      ...held,
      channel: answer.channel,
      destination: follows ? maskedBy(answer) : held.destination,
      expiresAt: answer.expiresAt ?? held.expiresAt,
      resendAt: answer.resendAt ?? held.resendAt,
      resends: answer.resendAt === null ? MAX_RESENDS : held.resends,
    });
    showDestination(section, store.load());
    if (answer.state === 'bounced') showAlert(form, `We could not deliver to ${store.load().destination}. ${lost}`);
    else if (answer.state === 'delivered') resend.say('It was delivered. Not there? Look in the spam folder.');
  }

  // A message's end is looked for a few times; of a reset nothing is told of it.
  function follow(looks) {
    stopLooking();
    const session = store.load();
    const timers = looks.map((ms) => setTimeout(look, ms, session));
    stopLooking = () => timers.forEach(clearTimeout);
  }

  // Shows the step for the session in the store.
  function open({ entry = 'replace', looks = [0, ...LOOKS_MS] } = {}) {
    clearErrors(form);
    section.querySelector('[data-sent-again]').textContent = '';
    showDestination(section, store.load());
    steps.show('code', { entry });
    waitForSms();
    tick();
    follow(follows ? looks : looks.filter((ms) => ms === 0));
  }

  // Begins with a session that was just made. `asked` is when: the code is a little younger than
  // that, so the clock here never promises more time than there is.
  function begin({ sessionId, destination, channel, asked }) {
    store.save({
      sessionId,
      destination,
      channel,
      expiresAt: asked + settings.codeTtlSeconds * 1000,
      resendAt: Date.now() + settings.resendCooldownSeconds * 1000,
      resends: 0,
    });
    form.reset();
    open({ entry: 'push', looks: channel ? LOOKS_MS : [0, ...LOOKS_MS] }); // a login learns at once which way its code takes
  }
  return { open, begin, form };
}

function bindResend({ settings, client, store }, section, { starting, sent, failed }) {
  const button = section.querySelector('[data-resend]');
  const wait = section.querySelector('[data-resend-wait]');
  const exhausted = section.querySelector('[data-exhausted]');
  const sentAgain = section.querySelector('[data-sent-again]');
  let busy = false;

  button.addEventListener('click', async () => {
    const session = store.load();
    if (busy || Date.now() < session.resendAt) return;
    busy = true;
    starting();
    try {
      const { sessionId } = await client.resend(session.sessionId);
      if (store.load()?.sessionId !== session.sessionId) return; // somebody chose another address meanwhile
      store.save({ ...session, sessionId, resends: session.resends + 1, resendAt: Date.now() + settings.resendCooldownSeconds * 1000 });
      sentAgain.textContent = 'The same code was sent again.';
      sent();
    } catch (error) {
      if (error.code !== 'too_many_requests' || !error.retryAfter) return failed(error);
      // The countdown says how long, and stays true while it runs.
      store.save({ ...session, resendAt: Date.now() + error.retryAfter * 1000 });
      sentAgain.textContent = 'It was too early to send it again.';
    } finally {
      busy = false;
      tick(store.load());
    }
  });

  function tick(session) {
    if (!session) return;
    const left = (session.resendAt - Date.now()) / 1000;
    const over = session.resends >= MAX_RESENDS;
    button.hidden = over;
    exhausted.hidden = !over;
    if (busy || left > 0) button.setAttribute('aria-disabled', 'true');
    else button.removeAttribute('aria-disabled');
    wait.textContent = left > 0 ? ` in ${clock(left)}` : '';
  }
  const say = (text) => { sentAgain.textContent = text; };
  return { tick, say };
}

// Nothing more will be known of the message; of an SMS nothing after it was sent.
const isSettled = ({ state, channel }) => state === 'delivered' || state === 'bounced' || (state === 'sent' && channel === 'sms');

// Where the code went. Until the API says so a login does not know which way its code takes.
function showDestination(section, { destination, channel }) {
  section.querySelector('[data-destination]').textContent = destination;
  const guess = section.querySelector('[data-until-known]');
  if (guess) guess.hidden = channel !== '';
}

// The clock itself is not read out each second; the last minute is, once.
function showTimeLeft(section, left) {
  section.querySelector('[data-time-left]').textContent = clock(left);
  const lastMinute = section.querySelector('[data-last-minute]');
  const text = left > 0 && left <= 60 ? 'The code works for one more minute.' : '';
  if (lastMinute.textContent !== text) lastMinute.textContent = text;
}
