// The parts that the three pages share: settings, client, steps, and the way back and forth between them.

import { Client } from './api.js';
import { openCaptcha } from './captcha.js';
import { loadConfig } from './config.js';
import { SessionStore } from './session.js';
import { Steps } from './steps.js';
import { codeStep } from './code-step.js';

// Opens a page for one purpose.
//   follows   whether the API reports what became of its message
//   lost      what to do if the message was not delivered
//   arrivesByText  whether its code may come as a text message: (session, settings) → boolean
//   check     what is wrong with the values of the code step: {field: text}
//   submit    sends them: (client, sessionId, values) → answer
//   done      shows the result, given the answer
export async function openPage({ purpose, follows = true, lost = '', arrivesByText, check, submit, done }) {
  const store = new SessionStore(purpose);
  const steps = new Steps();
  // This is shown before the settings arrive, so that a reload does not flash the first step.
  steps.show(steps.remembered() === 'code' && store.load() ? 'code' : 'start');

  const { settings, problem } = await loadConfig();
  showSettings(settings, problem);
  if (settings.mailbox) linkMailbox(settings.mailbox);
  steps.appName = settings.appName;
  const client = new Client(settings.apiBaseUrl, { locale: document.documentElement.lang }); // messages have the page's language
  const captcha = openCaptcha(settings.captcha, steps.section('start').querySelector('form'), purpose);
  // All pages request a code in this way.
  const generate = (request) => captcha.solved((captchaToken) => client.generate({ ...request, captchaToken }));
  const page = { settings, client, steps, store, generate };
  const code = codeStep(page, { arrivesByText, follows, lost, check, submit, done: (answer) => finish(page, done, answer) });

  window.addEventListener('popstate', () => (steps.remembered() === 'code' && store.load() ? code.open() : openStart(page)));
  for (const button of document.querySelectorAll('[data-restart]')) {
    button.addEventListener('click', () => restart(page, button.dataset.restart));
  }
  document.querySelector('[data-resume] button').addEventListener('click', () => code.open({ entry: 'push' }));
  if (steps.current === 'code') code.open();
  else offerResume(page); // without moving the focus: the visitor may already be typing
  return { ...page, code };
}

function showSettings(settings, problem) {
  for (const place of document.querySelectorAll('[data-app-name]')) place.textContent = settings.appName;
  const box = document.querySelector('[data-problem]');
  box.textContent = problem;
  box.hidden = problem === '';
}

// Only the development stack has a mailbox: a deployment's config.json names none.
function linkMailbox(url) {
  const link = Object.assign(document.createElement('a'), { className: 'link', href: url, target: '_blank', textContent: 'mailbox' });
  const note = document.createElement('p');
  note.append('Codes of this development stack arrive in its ', link, '.');
  document.querySelector('.foot').prepend(note);
}

// Showing the first step sends nothing.
function openStart(page) {
  offerResume(page);
  // A password manager may have filled in the hidden field. Disabled, it stays empty, so that the next code is a real one.
  Object.assign(document.querySelector('[data-trap] input'), { value: '', disabled: true });
  page.steps.show('start');
}

// Offers to return to a code that is still on its way. This browser's clock may be wrong: if the time is over by that clock, the
// API decides.
async function offerResume({ store, client }) {
  const session = store.load();
  const seemsOver = session !== null && session.expiresAt <= Date.now();
  showResume(seemsOver ? null : session);
  if (!seemsOver) return;
  const state = await client.status(session.sessionId).then((answer) => answer.state, (error) => error.code);
  if (store.load()?.sessionId !== session.sessionId) return;
  if (['expired', 'used', 'session_not_found'].includes(state)) store.clear();
  else if (['pending', 'sent', 'delivered'].includes(state)) showResume(session);
}

function showResume(session) {
  const note = document.querySelector('[data-resume]');
  note.hidden = session === null;
  note.querySelector('[data-destination]').textContent = session?.destination ?? '';
}

// The typed text stays. how: 'same' gets one more code, 'other' changes the address, so that typing replaces it.
function restart(page, how) {
  page.store.clear();
  openStart(page);
  if (how === 'other') document.activeElement.select?.();
}

// Removes everything that was typed, for the next person at this screen.
function finish({ steps, store }, done, answer) {
  store.clear();
  done(answer);
  for (const form of document.forms) form.reset();
  steps.show('done');
}
