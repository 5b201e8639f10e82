// Confirm an e-mail address or a phone number.

import { channelOf } from './channels.js';
import { bindForm } from './form.js';
import { openPage } from './page.js';
import { isEmail, lacksCountry } from './words.js';

const form = document.getElementById('start-form');

const page = await openPage({
  purpose: 'verify',
  lost: 'Check it, or use another one.',
  arrivesByText: (session) => channelOf(session.channel).arrivesByText,
  submit: (client, sessionId, { code }) => client.verify(sessionId, code),
  done: (answer) => {
    document.querySelector('[data-proven]').textContent = answer.email ?? answer.phone;
  },
});

// The checks of the fields, by name.
const checks = {
  email: (typed) => (isEmail(typed) ? {} : { email: 'Enter your e-mail address, like name@example.com.' }),
  phone: (typed) => (lacksCountry(typed) ? { phone: 'Enter the number with + and its country code, like +49 151 23456789.' } : {}),
};

// Only the field of the chosen channel is in use; with a single channel there is nothing to choose.
const { channels } = page.settings;
document.querySelector('[data-choice]').hidden = channels.length < 2;
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

bindForm(form, {
  check: (values) => {
    const { field } = channelOf(values.channel);
    return checks[field](values[field]);
  },
  send: async ({ channel, contact_me_by_fax_only, ...typed }) => {
    const asked = Date.now();
    const { field, fold, shown } = channelOf(channel);
    const { sessionId } = await page.generate({ purpose: 'verify', [field]: fold(typed[field]), contact_me_by_fax_only });
    page.code.begin({ sessionId, address: shown(typed[field]), channel, asked });
  },
});
