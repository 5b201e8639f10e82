// A login that an application began: OpenID Connect's authorization endpoint leads to the site's login page, with the transaction behind
// the # of its address. The browser's cookie and a proof for this transaction together end it, and lead back to the application.

import { h } from './dom.js';
import { purposes } from './purposes.js';

// The page of each way to log in. A link to one has the way's name in data-way, and is hidden until the application offers the way.
const PAGES = { login: 'index.html', passwordless: 'code.html', 'sign-up': 'signup.html' };

// Asks what the application wants, and shows it. Resolves to {complete, ends}, or to undefined if the login cannot go on here: then it
// shows why, or leads to the page of another way. ends(error) reports whether an error of the API ends the login, and shows it.
export async function openHosted(steps, client, transaction, way) {
  let offer;
  try {
    offer = await client.transaction(transaction);
  } catch (error) {
    showEnd(steps, error);
    return undefined;
  }
  const ways = [...offer.purposes, ...(offer.signUp ? ['sign-up'] : [])];
  if (!ways.includes(way)) {
    location.replace(`${PAGES[ways[0]]}#${transaction}`);
    return undefined;
  }
  const start = steps.section('start');
  start.querySelector('.otp-lead').textContent = purposes[way].start.hosted(offer.name);
  for (const link of start.querySelectorAll('[data-way]')) link.hidden = !ways.includes(link.dataset.way);
  const { email, password } = start.querySelector('form').elements;
  if (offer.loginHint && !email.value) {
    email.value = offer.loginHint;
    if (password) {
      delete email.dataset.focus; // what is to be filled in next gets the focus
      password.dataset.focus = '';
    }
  }
  return {
    complete: (proof) => complete(steps, client, transaction, proof),
    ends: (error) => error.code === 'transaction_not_found' && (showEnd(steps, error), true),
  };
}

// Leads back to the application. After a failure that passes, the same proof can be sent again.
async function complete(steps, client, transaction, proof) {
  try {
    const { redirect } = await client.complete(transaction, proof);
    location.replace(redirect);
  } catch (error) {
    showEnd(steps, error, () => complete(steps, client, transaction, proof));
  }
}

const PASSES = ['network', 'timeout', 'unavailable', 'internal', 'too_many_requests'];

function showEnd(steps, error, again = () => location.reload()) {
  const section = steps.section('ended');
  const passes = PASSES.includes(error.code);
  section.querySelector('h1').textContent = passes ? 'The service cannot answer right now' : 'This login has ended';
  section.querySelector('[data-reason]').textContent = passes ? 'Check your network, then try again.' :
    'It took too long, was used, or began in another browser. Go back to the application and log in there again.';
  for (const button of section.querySelectorAll('button')) button.hidden = true;
  if (passes) {
    const button = h('button', { type: 'button', class: 'otp-primary' }, 'Try again');
    button.addEventListener('click', () => {
      button.remove();
      again();
    });
    section.append(button);
  }
  steps.show('ended');
}
