// The code's text field: it takes a code however it comes.

import { codeIn, digitsOf } from './code.js';

// Makes a text field take a code however it comes; `complete` is called at the last digit.
export function fitCodeField(input, length, complete) {
  input.pattern = `[0-9]{${length}}`;
  input.maxLength = 4 * length; // not `length`: a browser would cut "482 913" before it is read
  let before = '';

  function take(value, caret = value.length) {
    if (input.value !== value) {
      input.value = value;
      input.setSelectionRange(caret, caret);
    }
    const isNew = value !== before;
    before = value;
    if (isNew && value.length === length) complete();
  }
  input.form.addEventListener('reset', () => { before = ''; });
  input.addEventListener('paste', (event) => {
    const text = event.clipboardData?.getData('text') ?? '';
    if (codeIn(text, length) === '') return;
    event.preventDefault();
    fillCode(input, text, length);
  });
  const read = () => take(digitsOf(input.value, length), digitsOf(input.value.slice(0, input.selectionStart), length).length);
  input.addEventListener('input', (event) => event.isComposing || read());
  input.addEventListener('compositionend', read);
}

// Puts the code in a text into the field, as if it had been typed.
export function fillCode(input, text, length) {
  input.value = codeIn(text, length);
  input.dispatchEvent(new InputEvent('input', { bubbles: true }));
}

// WebOTP: the browser offers the code of a text message whose last line names this site.
export function listenForSms(received) {
  if (!('OTPCredential' in window)) return () => {};
  const stop = new AbortController();
  navigator.credentials.get({ otp: { transport: ['sms'] }, signal: stop.signal })
    .then((otp) => otp?.code && received(otp.code), () => { /* stopped, or refused by the person */ });
  return () => stop.abort();
}
