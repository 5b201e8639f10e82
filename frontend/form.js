// The parts that all forms share: one request at a time, errors next to their fields, a busy button.

import { ApiError } from './client.js';
import { emit } from './dom.js';
import { explain } from './words.js';

// Wires a form. `check(values)` returns {field: text} for what is wrong before anything is sent;
// `send(values)` does the work; `ended({title, text, lock})` is called when a code cannot be used any more.
// Each <form> in the HTML has method="post" and a disabled button, so that a page whose script failed
// cannot put a password into a URL.
export function bindForm(form, { check = () => ({}), send, ended = () => {} }) {
  const button = form.querySelector('button[type=submit]');
  let busy = false;

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (busy) return; // a double click, or Enter while a request is in progress
    clearErrors(form);
    const values = valuesOf(form);
    if (showErrors(form, check(values))) return;
    busy = true;
    hidePasswords(form);
    setBusy(button, true);
    try {
      await send(values);
    } catch (error) {
      present(form, error, ended);
    } finally {
      busy = false;
      setBusy(button, false);
    }
  });
  // Runs before the field's own listeners, so that what they show for this input stays.
  form.addEventListener('input', (event) => clearError(event.target), { capture: true });
  for (const toggle of form.querySelectorAll('[data-reveal]')) {
    toggle.addEventListener('click', () => reveal(form, form.querySelector('[data-password]').type === 'password'));
  }
  button.disabled = false;
  return { isBusy: () => busy };
}

function valuesOf(form) {
  const values = Object.fromEntries(new FormData(form));
  if (!values.contact_me_by_fax_only) delete values.contact_me_by_fax_only; // the honeypot is sent only if something filled it in
  return values;
}

// Shows an error where it belongs, and reports it to the application. Anything that is not an ApiError is a fault of these modules.
export function present(form, thrown, ended) {
  if (!(thrown instanceof ApiError)) console.error(thrown);
  const error = thrown instanceof ApiError ? thrown : new ApiError('internal');
  const { code, status, fields, requestId } = error;
  const named = fieldsOf(form);
  const shown = explain(error, named);
  if (code === 'invalid_request' && !fields.some((field) => named.includes(field))) console.error('<stream-otp>: the API rejects', error.why);
  report(form, 'streamotp-error', { code, status, fields, requestId });
  if (shown.ended) {
    ended(shown.ended);
    report(form, 'streamotp-ended', { reason: code === 'wrong_code' ? 'locked' : code });
  }
  else if (shown.field) showErrors(form, { [shown.field]: shown.text });
  else showAlert(form, shown.text);
}

const report = (form, name, detail) => emit(form.closest('stream-otp'), name, detail);

// A field that can show an error has a place for it; a field that is not in use is disabled.
const fieldsOf = (form) => [...form.querySelectorAll('input[aria-describedby]:enabled')].map((input) => input.name);

// Returns whether there are errors; the first field with one gets the focus.
export function showErrors(form, errors) {
  const inputs = [...form.elements].filter((input) => errors[input.name]);
  for (const input of inputs) {
    input.setAttribute('aria-invalid', 'true');
    errorBox(input).textContent = errors[input.name];
  }
  inputs[0]?.focus();
  // The text is wrong: typing replaces it.
  inputs[0]?.select?.();
  return inputs.length > 0;
}

export function showAlert(form, text) {
  const box = form.querySelector('[data-alert]');
  box.textContent = text;
  box.hidden = text === '';
}

export function clearErrors(form) {
  showAlert(form, '');
  for (const input of form.elements) clearError(input);
}

function clearError(input) {
  if (input.getAttribute?.('aria-invalid') !== 'true') return;
  input.removeAttribute('aria-invalid');
  errorBox(input).textContent = '';
}

const errorBox = (input) => document.getElementById(`${input.id}-error`);

// aria-disabled in place of disabled: a disabled button loses the focus.
function setBusy(button, busy) {
  button.toggleAttribute('data-busy', busy);
  if (busy) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
  const label = button.querySelector('[data-label]');
  label.dataset.idle ??= label.textContent;
  label.textContent = busy ? button.dataset.busyText : label.dataset.idle;
}

function reveal(form, shown) {
  for (const input of form.querySelectorAll('[data-password]')) input.type = shown ? 'text' : 'password';
  for (const toggle of form.querySelectorAll('[data-reveal]')) {
    toggle.firstChild.data = shown ? 'Hide' : 'Show';
  }
}

// A browser keeps text fields in its form history, but not passwords.
const hidePasswords = (form) => form.querySelector('[data-reveal]') && reveal(form, false);
