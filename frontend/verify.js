// Confirm an e-mail address or a phone number.

import { foldAddress, foldNumber } from './fold.js';
import { bindForm } from './form.js';
import { openPage } from './page.js';
import { isEmail, lacksCountry } from './words.js';

const form = document.getElementById('start-form');

const page = await openPage({
  purpose: 'verify',
  lost: 'Check it, or use another one.',
  usesSms: (session) => session.channel === 'sms',
  submit: (client, sessionId, { code }) => client.verify(sessionId, code),
  done: (answer) => {
    document.querySelector('[data-proven]').textContent = answer.email ?? answer.phone;
  },
});

// Only the fields of the chosen channel are in use; with one channel there is no choice to make.
const { channels } = page.settings;
document.querySelector('[data-choice]').hidden = channels.length < 2;
function useChannel() {
  if (!channels.includes(form.elements.channel.value)) form.elements.channel.value = channels[0];
  for (const part of form.querySelectorAll('[data-channel]')) {
    const inUse = part.dataset.channel === form.elements.channel.value;
    part.hidden = !inUse;
    part.querySelector('input').disabled = !inUse;
  }
}
form.addEventListener('change', useChannel);
form.addEventListener('reset', () => queueMicrotask(useChannel));
useChannel();

bindForm(form, {
  check: ({ channel, email, phone }) => {
    if (channel === 'sms') return lacksCountry(phone) ? { phone: 'Enter the number with + and its country code, like +49 151 23456789.' } : {};
    return isEmail(email) ? {} : { email: 'Enter your e-mail address, like name@example.com.' };
  },
  send: async ({ channel, email, phone, contact_me_by_fax_only }) => {
    const asked = Date.now();
    const to = channel === 'sms' ? { phone: foldNumber(phone) } : { email: foldAddress(email) };
    const { sessionId } = await page.generate({ purpose: 'verify', ...to, contact_me_by_fax_only });
    page.code.begin({ sessionId, address: to.email ?? phone.trim(), channel, asked });
  },
});
