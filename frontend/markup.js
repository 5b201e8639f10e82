// The HTML of the four steps. Each is a section of which one is shown; the code that runs them finds its parts by data attributes.
//
// Every form has method="post" and a disabled button, so that a page whose script failed cannot put a password into a URL.

import { h, svg } from './dom.js';

// Returns the steps of a purpose. An id is the name of its field, or that with a number if the document has such an id already.
export function stepsOf({ start, code, other, done }) {
  const id = freeIds();
  return [
    h('p', { class: 'otp-notice', role: 'alert', 'data-problem': true, hidden: true }),
    startStep(start, id), codeStep(code, id), endedStep(other, id), doneStep(done, id),
  ];
}

function freeIds() {
  return (name) => {
    let id = name;
    for (let n = 2; document.getElementById(id); n += 1) id = `${name}-${n}`;
    return id;
  };
}

function section(step, id, heading, ...children) {
  const title = id(`${step}-title`);
  return h('section', { 'data-step': step, 'aria-labelledby': title, hidden: true }, heading.before, h('h1', { id: title, tabindex: '-1' }, heading.text), children);
}

function startStep({ heading, lead, fields, submit, busy }, id) {
  const has = (name) => fields.includes(name);
  return section('start', id, { before: count('Step 1 of 2'), text: heading },
    h('p', { class: 'otp-lead' }, lead),
    h('div', { class: 'otp-notice', 'data-resume': true, hidden: true },
      h('p', {}, 'You already asked for a code for ', h('b', { 'data-destination': true }), '.'),
      h('button', { type: 'button', class: 'otp-link' }, 'Enter the code')),
    h('form', { id: id('start-form'), method: 'post', novalidate: true },
      has('channel') && choice(),
      has('email') && emailField(id, has('channel') ? 'email' : 'username'),
      has('phone') && phoneField(id),
      has('password') && passwordField(id, 'Password', 'current-password'),
      honeypot(id), alert(), submitButton(submit, busy)));
}

function codeStep({ heading, lead, change, hint, submit, busy, password, auto = false }, id) {
  const destination = h('b', { 'data-destination': true });
  const untilKnown = (text) => h('span', { 'data-until-known': true }, text);
  return section('code', id, { before: count('Step 2 of 2'), text: heading },
    h('p', { class: 'otp-lead' }, lead(destination, untilKnown), ' ',
      h('button', { type: 'button', class: 'otp-link', 'data-restart': 'other' }, 'Change', hidden(` ${change}`))),
    h('form', { id: id('code-form'), method: 'post', novalidate: true, 'data-auto': auto },
      password && h('input', { name: 'username', type: 'email', autocomplete: 'username', hidden: true, readonly: true }),
      field(id, 'code', 'Code', hint, {
        class: 'otp-code', type: 'text', inputmode: 'numeric', autocomplete: 'one-time-code', spellcheck: 'false', 'data-focus': true,
      }),
      password && passwordField(id, 'New password', 'new-password', 'At least 8 characters. A few words that you remember are good.'),
      h('p', { class: 'otp-time' }, 'The code works for another ', h('span', { class: 'otp-clock', 'data-time-left': true })),
      alert(), submitButton(submit, busy)),
    h('div', { class: 'otp-again' },
      h('p', { class: 'otp-status', role: 'status', 'data-sent-again': true }),
      h('p', { class: 'otp-hidden', role: 'status', 'data-last-minute': true }),
      h('button', { type: 'button', class: 'otp-secondary', 'data-resend': true, 'aria-disabled': 'true' },
        h('span', {}, 'Send the code again', h('span', { class: 'otp-clock', 'data-resend-wait': true }))),
      h('div', { 'data-exhausted': true, hidden: true },
        h('p', { class: 'otp-hint' }, 'Nothing arrived? Check the spam folder, then ask for a new code.'),
        h('button', { type: 'button', class: 'otp-secondary', 'data-restart': 'same' }, 'Ask for a new code'))));
}

function endedStep(other, id) {
  return section('ended', id, { before: mark('#9a5b00', 'M24 12v15M24 35v.01'), text: 'The code has expired' },
    h('p', { class: 'otp-lead', 'data-reason': true }),
    h('button', { type: 'button', class: 'otp-primary', 'data-restart': 'same' }, 'Ask for a new code'),
    h('button', { type: 'button', class: 'otp-secondary', 'data-restart': 'other', hidden: true }, other));
}

function doneStep({ heading, lead }, id) {
  return section('done', id, { before: mark('#0b7a4b', 'M14 25l7 7 13-15'), text: heading },
    h('p', { class: 'otp-lead' }, lead(h('b', { 'data-proven': true }))));
}

function mark(colour, path) {
  return svg('svg', { class: 'otp-mark', viewBox: '0 0 48 48', width: 48, height: 48, 'aria-hidden': 'true' },
    svg('circle', { cx: 24, cy: 24, r: 24, fill: colour }),
    svg('path', { d: path, fill: 'none', stroke: '#fff', 'stroke-width': 4.5, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }));
}

function choice() {
  const radio = (value, text, checked) => h('label', {}, h('input', { type: 'radio', name: 'channel', value, checked }), ` ${text}`);
  return h('fieldset', { class: 'otp-choice', 'data-choice': true },
    h('legend', {}, 'Where should the code go?'), radio('email', 'E-mail', true), radio('sms', 'Text message', false));
}

function emailField(id, autocomplete) {
  return field(id, 'email', 'E-mail', '', { type: 'email', inputmode: 'email', autocomplete, autocapitalize: 'none', spellcheck: 'false', 'data-focus': true });
}

function phoneField(id) {
  const part = field(id, 'phone', 'Phone', 'With + and the country code, like +49 151 23456789.', { type: 'tel', inputmode: 'tel', autocomplete: 'tel', disabled: true, 'data-focus': true });
  part.hidden = true;
  return part;
}

function passwordField(id, label, autocomplete, hint = '') {
  const part = field(id, 'password', label, hint, { type: 'password', autocomplete, 'data-password': true, autocapitalize: 'none', spellcheck: 'false' });
  const input = part.querySelector('input');
  const row = h('div', { class: 'otp-with-button' });
  input.replaceWith(row);
  row.append(input, h('button', { type: 'button', class: 'otp-reveal', 'data-reveal': true }, 'Show', hidden(' password')));
  return part;
}

// A field with its label, its hint and the place of its error.
function field(id, name, label, hint, attributes) {
  const own = id(name);
  const described = [hint && `${own}-hint`, `${own}-error`].filter(Boolean).join(' ');
  return h('div', { class: 'otp-field', 'data-field': name },
    h('label', { for: own }, label),
    hint !== '' && h('p', { class: 'otp-hint', id: `${own}-hint` }, hint),
    h('input', { id: own, name, 'aria-required': 'true', 'aria-describedby': described, ...attributes }),
    h('p', { class: 'otp-error', id: `${own}-error`, role: 'alert' }));
}

function honeypot(id) {
  const own = id('contact_me_by_fax_only');
  return h('div', { class: 'otp-hidden', 'aria-hidden': 'true', 'data-trap': true },
    h('label', { for: own }, 'Leave this empty'),
    h('input', { id: own, name: 'contact_me_by_fax_only', type: 'text', tabindex: '-1', autocomplete: 'off', 'data-1p-ignore': true, 'data-lpignore': 'true', 'data-bwignore': true }));
}

const count = (text) => h('p', { class: 'otp-count' }, text);
const alert = () => h('p', { class: 'otp-alert', role: 'alert', 'data-alert': true, hidden: true });
const hidden = (text) => h('span', { class: 'otp-hidden' }, text); // read out, not seen

function submitButton(text, busy) {
  return h('button', { type: 'submit', class: 'otp-primary', 'data-busy-text': busy, disabled: true }, h('span', { 'data-label': true }, text));
}
