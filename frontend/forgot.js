// Forgot password: an address, then its code together with the new password. The page never shows whether the address has an
// account, and logs nobody in: with the new password its owner can log in, with the second step that this needs.

import { foldAddress, foldPassword } from './fold.js';
import { bindForm } from './form.js';
import { openPage } from './page.js';
import { isEmail } from './words.js';

const LEAST = 8; // NIST SP 800-63B-4 3.1.1.2, if a code is required as well

const page = await openPage({
  purpose: 'reset',
  follows: false, // or the page would reveal whether there is an account
  arrivesByText: () => false,
  // Typed once: a person who wants to check it can have the password shown (NIST SP 800-63B-4 3.1.1.2).
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
