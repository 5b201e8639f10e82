// The step in which the code is entered: its field, its clocks, resends, and its ends.

import { ApiError } from './client.js';
import { channelOf } from './channels.js';
import { fillCode, fitCodeField, listenForSms } from './code-field.js';
import { bindForm, clearErrors, present, showAlert, showErrors } from './form.js';
import { clock, explain, lockTitle, sentTo } from './words.js';

const MAX_RESENDS = 2; // the API's own limit for one session
const TICK_MS = 250; // shorter than a second, so that no second is skipped
const JUMP_MS = 2_000; // more than a clock is corrected by while it runs

// When the API is asked about the message: most messages arrive within the first of these times, most bounces within the last.
const LOOKS_MS = [2_000, 5_000, 10_000, 20_000, 45_000];
// When the API is asked whether a code has ended that is over by this browser's clock.
const LAST_LOOKS_MS = [0, 1_000, 5_000, 20_000, 60_000];

// flow: {settings, client, steps, store, signal} of the element; signal ends the timers. `done` gets the answer to a right code.
export function codeStep(flow, { arrivesByText, follows, lost, checkCode, submit }, done) {
  const { settings, client, steps, store, signal } = flow;
  const section = steps.section('code');
  const form = section.querySelector('form');
  const input = form.elements.code;
  const length = settings.codeLength;
  const addresses = new Set(); // that this tab requested codes for, to recognise a second code for one
  const showEnd = bindEnd(flow);
  let stopSms = () => {};
  let stopLooking = () => {};
  let wrong = null; // {code, text}: the last wrong code, and what the page showed for it
  let isLastLook = false;
  let clockAhead = Date.now() - performance.now();

  const bound = bindForm(form, {
    check: (values) => ({ ...codeProblem(values.code), ...checkCode(values) }),
    send: async (values) => {
      stopSms();
      const session = store.load();
      if (!session) throw new ApiError('code_used');
      try {
        await done(await submit(client, session.sessionId, values));
      } catch (error) {
        if (error.code === 'wrong_code') noteWrong(values.code, error);
        throw error;
      }
    },
    ended: end,
  });
  const button = form.querySelector('button[type=submit]');
  // Not form.requestSubmit, which Safari has only since 16.
  fitCodeField(input, length, 'auto' in form.dataset ? () => button.click() : () => {}, () => {
    showErrors(form, { code: `This text does not have exactly one code of ${length} digits. Type the code.` });
  });

  function codeProblem(code) {
    if (code.length !== length) return { code: `Enter all ${length} digits of the code.` };
    // The last digit submitted the code, then Enter did once more: the same response would cost another attempt.
    return code === wrong?.code ? { code: wrong.text } : {};
  }

  function noteWrong(code, error) {
    error.repeated = store.load().repeated;
    wrong = { code, text: explain(error, ['code']).text };
  }

  const resend = bindResend(flow, section, {
    failed: (error) => present(form, error, end),
    starting: () => clearErrors(form),
    sent: () => {
      waitForSms();
      follow(follows ? LOOKS_MS : []);
      input.focus(); // the code is entered next, and the button may be gone
    },
  });

  // The code cannot be used any more: show why, and what to do.
  function end(ended) {
    stopSms();
    stopLooking();
    store.clear();
    form.elements.code.value = '';
    showEnd(ended);
  }

  function tick() {
    const session = store.load();
    if (steps.current !== 'code' || !session) { // none after a right code, if the application shows its own next step
      stopLooking();
      return stopSms();
    }
    const left = (session.expiresAt - Date.now()) / 1000;
    showTimeLeft(section, left);
    resend.tick(session);
    if (left > 0) isLastLook = false;
    else if (!isLastLook) {
      isLastLook = true;
      follow(LAST_LOOKS_MS); // this clock may be wrong, so it ends nothing
    }
    if (hasJumped()) look(session);
  }
  every(TICK_MS, tick, signal);
  signal.addEventListener('abort', () => {
    stopSms();
    stopLooking();
  });

  // Whether the clock was set or the computer slept: then the times by this clock are worthless.
  function hasJumped() {
    const before = clockAhead;
    clockAhead = Date.now() - performance.now();
    return Math.abs(clockAhead - before) > JUMP_MS;
  }

  function waitForSms() {
    stopSms();
    if (arrivesByText(store.load(), settings)) stopSms = listenForSms((text) => fillCode(input, text, length));
  }

  // Asks the API for the session's state. After a failure the next look asks again.
  async function look(session) {
    let answer;
    try {
      answer = await client.status(session.sessionId);
    } catch (error) {
      if (error.code === 'session_not_found' && isCurrent(session)) present(form, isLastLook ? new ApiError('code_expired') : error, end);
      return;
    }
    if (!isCurrent(session) || bound.isBusy()) return; // a code that was entered meanwhile gets its own response
    const over = { used: 'code_used', expired: 'code_expired', locked: 'locked' }[answer.state];
    if (over) present(form, new ApiError(over, 0, { retryAfter: answer.retryAfter }), end);
    else learn(answer);
    if (isSettled(answer) && !isLastLook) stopLooking();
  }

  const isCurrent = ({ sessionId }) => steps.current === 'code' && store.load()?.sessionId === sessionId;

  function learn(answer) {
    const held = store.load();
    store.save({
      ...held,
      channel: answer.channel,
      destination: sentTo(held.address, answer),
      expiresAt: answer.expiresAt ?? held.expiresAt,
      resendAt: answer.resendAt ?? held.resendAt,
      resends: answer.resendAt === null ? MAX_RESENDS : held.resends,
    });
    showDestination(section, store.load());
    if (answer.state === 'bounced') showAlert(form, `We could not deliver to ${store.load().destination}. ${lost}`);
    if (answer.state === 'bounced' || answer.state === 'delivered') resend.tell(answer.state);
  }

  // Looks a few times for what becomes of the message.
  function follow(looks) {
    stopLooking();
    const session = store.load();
    const timers = looks.map((ms) => setTimeout(look, ms, session));
    stopLooking = () => timers.forEach(clearTimeout);
  }

  // Shows the step for the session in the store. For a reset, nothing about the message is shown: one look only checks that
  // the session exists.
  function open({ entry = 'replace', focus = true, looks = [0, ...LOOKS_MS] } = {}) {
    const session = store.load();
    addresses.add(session.address.toLowerCase());
    clearErrors(form);
    wrong = null;
    resend.tell('');
    showDestination(section, session);
    fillStart(steps.section('start').querySelector('form'), session);
    if (form.elements.username) form.elements.username.value = session.address; // for password managers: whose password this is
    steps.show('code', { entry, focus });
    waitForSms();
    follow(follows ? looks : looks.slice(0, 1));
    tick();
  }

  // Begins with a session that was just created. `asked` is the time of the request: the code is a little younger, so the
  // clock here never promises more time than there is.
  function begin({ sessionId, address, channel, asked }) {
    store.save({
      sessionId,
      address,
      destination: address,
      channel,
      expiresAt: asked + settings.codeTtlSeconds * 1000,
      resendAt: Date.now() + settings.resendCooldownSeconds * 1000,
      resends: 0,
      repeated: addresses.has(address.toLowerCase()) || store.load()?.address.toLowerCase() === address.toLowerCase(),
    });
    form.reset();
    open({ entry: 'push', looks: channel ? LOOKS_MS : [0, ...LOOKS_MS] }); // a login learns at once which channel its code takes
  }
  return { open, begin };
}

// After a reload the first step is empty; a visitor who returns to it finds what was typed.
function fillStart(form, session) {
  const { email, phone, channel } = form.elements;
  if (email.value || phone?.value) return;
  if (!channel) { // what was typed is the account's address, whichever channel its code takes
    email.value = session.address;
    return;
  }
  channel.value = session.channel;
  form.elements[channelOf(session.channel).field].value = session.address;
  form.dispatchEvent(new Event('change'));
}

// The step that says why a code cannot be used any more. While a lock lasts, it counts down and does not offer a new code,
// which the API would reject.
function bindEnd({ steps, signal }) {
  const section = steps.section('ended');
  const title = section.querySelector('h1');
  const text = section.querySelector('[data-reason]');
  const offer = section.querySelector('[data-restart=same]');
  const others = section.querySelector('[data-restart=other]');
  let until = 0; // by this browser's clock; 0 if nothing is counted down

  function showLock(isLocked) {
    offer.hidden = isLocked;
    others.hidden = !isLocked;
  }

  function tick() {
    if (until === 0 || steps.current !== 'ended') return;
    const left = (until - Date.now()) / 1000;
    const now = left > 0 ? lockTitle(left) : 'You can try again';
    if (title.textContent === now) return;
    title.textContent = now;
    steps.announce();
    if (left > 0) return;
    until = 0;
    text.textContent = 'The lock is over. Ask for a new code.';
    showLock(false);
  }
  every(TICK_MS, tick, signal);

  return (ended) => {
    title.textContent = ended.title;
    text.textContent = ended.text;
    until = ended.lock ? Date.now() + ended.lock * 1000 : 0;
    showLock('lock' in ended);
    steps.show('ended');
  };
}

function bindResend({ settings, client, store }, section, { starting, sent, failed }) {
  const button = section.querySelector('[data-resend]');
  const wait = section.querySelector('[data-resend-wait]');
  const exhausted = section.querySelector('[data-exhausted]');
  const sentAgain = section.querySelector('[data-sent-again]');
  let busy = false;
  let known = ''; // what became of the message: 'delivered', 'bounced' or ''

  button.addEventListener('click', async () => {
    const session = store.load();
    if (!session) return failed(new ApiError('code_used'));
    if (busy || Date.now() < session.resendAt) return;
    busy = true;
    starting();
    try {
      const { sessionId } = await client.resend(session.sessionId);
      if (store.load()?.sessionId !== session.sessionId) return; // the visitor chose another address meanwhile
      store.save({ ...session, sessionId, resends: session.resends + 1, resendAt: Date.now() + settings.resendCooldownSeconds * 1000 });
      tell('', 'The same code was sent again.');
      sent();
    } catch (error) {
      if (error.code !== 'too_many_requests' || !error.retryAfter) return failed(error);
      // The countdown shows how long, and stays true while it runs.
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
    const bounced = known === 'bounced'; // the address did not accept the message
    button.hidden = over || bounced;
    exhausted.hidden = !over || bounced;
    if (busy || left > 0) button.setAttribute('aria-disabled', 'true');
    else button.removeAttribute('aria-disabled');
    wait.textContent = left > 0 ? ` in ${clock(left)}` : '';
  }

  // The page asks whether anything arrived only if nothing is known about the message.
  function tell(state, text = '') {
    known = state;
    sentAgain.textContent = state === 'delivered' ? 'It was delivered. Not there? Look in the spam folder.' : text;
    exhausted.querySelector('.otp-hint').hidden = state !== '';
  }
  return { tick, tell };
}

function every(ms, call, signal) {
  const timer = setInterval(call, ms);
  signal.addEventListener('abort', () => clearInterval(timer));
}

// Whether nothing more will be known about the message.
const isSettled = ({ state, channel }) => state === 'delivered' || state === 'bounced' || (state === 'sent' && !channelOf(channel).reportsDelivery);

// Shows where the code went. Until the API reports it, a login does not know which channel its code takes.
function showDestination(section, { destination, channel }) {
  section.querySelector('[data-destination]').textContent = destination;
  const guess = section.querySelector('[data-until-known]');
  if (guess) guess.hidden = channel !== '';
}

// A screen reader does not read the clock each second; it reads the last minute, once.
function showTimeLeft(section, left) {
  section.querySelector('[data-time-left]').textContent = clock(left);
  const lastMinute = section.querySelector('[data-last-minute]');
  const text = left > 0 && left <= 60 ? 'The code works for one more minute.' : '';
  if (lastMinute.textContent !== text) lastMinute.textContent = text;
}
