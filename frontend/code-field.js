// The code's text field: it accepts a code however it arrives.

import { codeIn, digitsOf, isPartOfCode } from './code.js';

// Makes a text field accept a code however it arrives; `complete` is called at the last digit, `unread` when a text is pasted that
// has no code or several. The field has no maxlength: the browser would cut a message before its code is read.
export function fitCodeField(input, length, complete, unread) {
  input.pattern = `[0-9]{${length}}`;
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
    const code = codeIn(text, length);
    if (code === '' && isPartOfCode(text, length)) return;
    event.preventDefault();
    if (code) fillCode(input, text, length);
    else unread();
  });
  function read() {
    const text = input.value;
    // Some keyboards and tools insert a text at once without a paste event.
    if (text.length <= before.length + 1 || isPartOfCode(text, length)) {
      return take(digitsOf(text, length), digitsOf(text.slice(0, input.selectionStart), length).length);
    }
    const code = codeIn(text, length);
    take(code || before);
    if (code === '') unread();
  }
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
    .then((otp) => otp?.code && received(otp.code), () => { /* stopped, or declined by the person */ });
  return () => stop.abort();
}
