// Log in: the password, then the code that is sent after it.

import { channelOf } from './channels.js';
import { foldAddress } from './fold.js';
import { bindForm } from './form.js';
import { openPage } from './page.js';
import { isEmail } from './words.js';

const page = await openPage({
  purpose: 'login',
  lost: 'Whoever runs this site can change where your codes go.',
  // The account decides where its code goes, and the response does not say.
  arrivesByText: (session, settings) => settings.channels.some((name) => channelOf(name).arrivesByText),
  submit: (client, sessionId, { code }) => client.verify(sessionId, code),
  done: (answer) => {
    document.querySelector('[data-proven]').textContent = answer.email;
  },
});

const form = document.getElementById('start-form');
bindForm(form, {
  check: ({ email, password }) => ({
    ...(isEmail(email) ? {} : { email: 'Enter your e-mail address, like name@example.com.' }),
    ...(password ? {} : { password: 'Enter your password.' }),
  }),
  send: async ({ email, password, contact_me_by_fax_only }) => {
    const asked = Date.now();
    const { sessionId } = await page.generate({ purpose: 'login', email: foldAddress(email), password, contact_me_by_fax_only });
    form.elements.password.value = '';
    page.code.begin({ sessionId, address: foldAddress(email), channel: '', asked });
  },
});
