// The table of purposes: the words of each step, the fields, and the calls.
//
//   sentAs  the purpose that the API gets, if it has another name
//   start   the first step: heading, lead, fields, submit, busy; hosted is the lead for a login that an application began, given its name
//   code    the step of the code: heading, lead (given the two parts that change), change (what its link changes), hint, submit, busy,
//           password (whether a new password is set), auto (whether the last digit submits)
//   other   what is offered while a lock lasts
//   done    the last step: heading, lead (given the place for what was proven)
//   follows        whether the API reports what became of the message
//   lost           what to do if the message was not delivered
//   arrivesByText  whether the code may come as a text message: (session, settings) → boolean
//   check   what is wrong with the first step's values: {field: text}
//   request the values → {request: what /generate gets, address: as shown, channel: '' if only the server knows it}
//   checkCode      what is wrong with the values beside the code: {field: text}
//   submit  sends the code: (client, sessionId, values) → answer

import { channelOf } from './channels.js';
import { foldAddress, foldPassword } from './fold.js';
import { isEmail, lacksCountry } from './words.js';

const LEAST = 8; // characters: NIST SP 800-63B-4 3.1.1.2, if a code is required as well

const emailProblem = (typed) => (isEmail(typed) ? {} : { email: 'Enter your e-mail address, like name@example.com.' });
const phoneProblem = (typed) => (lacksCountry(typed) ? { phone: 'Enter the number with + and its country code, like +49 151 23456789.' } : {});
const verify = (client, sessionId, { code }) => client.verify(sessionId, code);

// The common part of purposes whose first step asks only for an address. They never show whether the address has an account.
const byAddress = {
  other: 'Use another address',
  follows: false, // or the page would reveal whether there is an account
  lost: '',
  arrivesByText: () => false,
  check: ({ email }) => emailProblem(email),
  request: ({ email }) => ({ request: { email: foldAddress(email) }, address: foldAddress(email), channel: 'email' }),
};

// Returns the row of a purpose that needs only an address and a code.
function byCode({ start, code, done }) {
  return {
    ...byAddress,
    sentAs: 'passwordless',
    start: { ...start, fields: ['email'], submit: 'Send the code', busy: 'Sending…' },
    code: {
      ...code, heading: 'Enter your code', change: 'the address', hint: 'It is checked as soon as the last digit is in.', busy: 'Checking…', auto: true,
    },
    done,
    checkCode: () => ({}),
    submit: verify,
  };
}

export const purposes = Object.freeze({
  login: {
    start: {
      heading: 'Log in', lead: 'First your password, then a code we send you.', fields: ['email', 'password'], submit: 'Continue', busy: 'Checking…',
      hosted: (name) => `To go on to ${name}: first your password, then a code we send you.`,
    },
    code: {
      heading: 'Enter your code',
      lead: (destination, untilKnown) => ['We sent a code to ', untilKnown('the e-mail address or phone on the account of '), destination, '.'],
      change: 'the account', hint: 'It is checked as soon as the last digit is in.', submit: 'Log in', busy: 'Checking…', auto: true,
    },
    other: 'Use another account',
    done: { heading: 'Your code was right', lead: (proven) => ['Proven for ', proven, ': the password, and the code that we sent.'] },
    follows: true,
    lost: 'Whoever runs this site can change where your codes go.',
    // The account decides where its code goes, and the response does not say.
    arrivesByText: (session, settings) => settings.channels.some((name) => channelOf(name).arrivesByText),
    check: ({ email, password }) => ({ ...emailProblem(email), ...(password ? {} : { password: 'Enter your password.' }) }),
    request: ({ email, password }) => ({ request: { email: foldAddress(email), password }, address: foldAddress(email), channel: '' }),
    checkCode: () => ({}),
    submit: verify,
  },

  verify: {
    start: { heading: 'Confirm an address', lead: 'We send a code to show that it is yours.', fields: ['channel', 'email', 'phone'], submit: 'Send the code', busy: 'Sending…' },
    code: {
      heading: 'Enter your code', lead: (destination) => ['We sent a code to ', destination, '.'],
      change: 'the address', hint: 'It is checked as soon as the last digit is in.', submit: 'Confirm', busy: 'Checking…', auto: true,
    },
    other: 'Use another address',
    done: { heading: 'Confirmed', lead: (proven) => ['You entered the code that we sent to ', proven, ', so it is yours.'] },
    follows: true,
    lost: 'Check it, or use another one.',
    arrivesByText: (session) => channelOf(session.channel).arrivesByText,
    check: ({ channel, email, phone }) => (channelOf(channel).field === 'phone' ? phoneProblem(phone) : emailProblem(email)),
    request: ({ channel, ...typed }) => {
      const { field, fold, shown } = channelOf(channel);
      return { request: { [field]: fold(typed[field]) }, address: shown(typed[field]), channel };
    },
    checkCode: () => ({}),
    submit: verify,
  },

  passwordless: byCode({
    start: {
      heading: 'Log in by code', lead: 'Enter your e-mail address. We send a code that logs you in.',
      hosted: (name) => `To go on to ${name}, enter your e-mail address. We send a code that logs you in.`,
    },
    code: { lead: (destination) => ['If ', destination, ' can log in by code, a code is on its way.'], submit: 'Log in' },
    done: { heading: 'Your code was right', lead: (proven) => ['Proven for ', proven, ': the code that we sent.'] },
  }),

  'sign-up': byCode({
    start: {
      heading: 'Create your account', lead: 'Enter your e-mail address. We send a code to show that it is yours.',
      hosted: (name) => `To go on to ${name}, enter your e-mail address. We send a code to show that it is yours.`,
    },
    code: { lead: (destination) => ['If ', destination, ' can have an account, a code is on its way.'], submit: 'Create the account' },
    done: { heading: 'You have an account', lead: (proven) => ['You entered the code that we sent to ', proven, '.'] },
  }),

  // It logs nobody in: with the new password the account's owner can log in, with the second step that this needs.
  reset: {
    ...byAddress,
    start: { heading: 'Forgot your password?', lead: 'Enter your e-mail address. We send a code to set a new password.', fields: ['email'], submit: 'Send the code', busy: 'Sending…' },
    code: {
      heading: 'Set a new password', lead: (destination) => ['If there is an account for ', destination, ', a code is on its way.'],
      change: 'the address', hint: 'The digits in our message.', submit: 'Set the password', busy: 'Saving…', password: true,
    },
    done: { heading: 'Your password is changed', lead: () => ['Log in with the new password. We have sent you a note about this change.'] },
    // Typed once: a person who wants to check it can have the password shown (NIST SP 800-63B-4 3.1.1.2).
    checkCode: ({ password }) => ([...foldPassword(password).normalize('NFKC')].length < LEAST ? { password: `Use at least ${LEAST} characters.` } : {}),
    submit: (client, sessionId, { code, password }) => client.reset(sessionId, code, password),
  },
});
