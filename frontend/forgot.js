// Forgot password: an address, then its code together with the new password. Whether there is an
// account for the address shows nowhere, and nobody is logged in by this: who has the new password
// can do that, with the second step it needs.

import { foldAddress, foldPassword } from './fold.js';
import { bindForm } from './form.js';
import { openPage } from './page.js';
import { isEmail } from './words.js';

const LEAST = 8; // NIST SP 800-63B-4 3.1.1.2, where a code is asked for as well

const page = await openPage({
  purpose: 'reset',
  follows: false, // or it would tell whether there is an account
  arrivesByText: () => false,
  // Typed once: who wants to see a slip can have the password shown (NIST SP 800-63B-4 3.1.1.2).
  check: ({ password }) => ([...foldPassword(password).normalize('NFKC')].length < LEAST ? { password: `Use at least ${LEAST} characters.` } : {}),
  submit: (client, sessionId, { code, password }) => client.reset(sessionId, code, password),
  done: () => {},
});

const form = document.getElementById('start-form');
bindForm(form, {
  check: ({ email }) => (isEmail(email) ? {} : { email: 'Enter your e-mail address, like name@example.com.' }),
  send: async ({ email, contact_me_by_fax_only }) => {
    const asked = Date.now();
    const { sessionId } = await page.generate({ purpose: 'reset', email: foldAddress(email), contact_me_by_fax_only });
    page.code.begin({ sessionId, address: foldAddress(email), channel: 'email', asked });
  },
});
