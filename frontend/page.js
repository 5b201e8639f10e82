// The pages around <stream-otp>: shows the application's name, the title, the mailbox of the development stack, and the link to the
// application after a login.

import './transaction.js'; // before the element
import './stream-otp.js';

const element = document.querySelector('stream-otp');
let appName = document.title.split(' – ').at(-1);

// The tab's title repeats the heading of the step.
function showTitle(heading) {
  document.title = `${heading} – ${appName}`;
}

element.addEventListener('streamotp-step', ({ detail }) => showTitle(detail.heading));

element.addEventListener('streamotp-ready', ({ detail: { settings } }) => {
  appName = settings.appName;
  for (const place of document.querySelectorAll('[data-app-name]')) place.textContent = appName;
  const heading = element.querySelector('section:not([hidden]) h1'); // none while an application's login is looked up
  if (heading) showTitle(heading.textContent);
  if (settings.captcha === null) shutProvidersOut();
  else document.querySelector('meta[name=referrer]').content = 'strict-origin'; // a provider may check which site uses its key
  if (settings.mailbox) linkMailbox(settings.mailbox);
});

element.addEventListener('streamotp-verified', ({ detail }) => {
  if (detail.purpose === 'login') leadOn();
});

// The policy in each page allows all CAPTCHA providers, because it is written without knowing whether there is a CAPTCHA. All policies
// of a page apply together, so a second one removes the providers from the first.
function shutProvidersOut() {
  const policy = document.createElement('meta');
  policy.httpEquiv = 'Content-Security-Policy';
  policy.content = "script-src 'self'; style-src 'self'; frame-src 'none'";
  document.head.append(policy);
}

// Only the development stack has a mailbox: a deployment's config.json names none.
function linkMailbox(url) {
  const link = Object.assign(document.createElement('a'), { href: url, target: '_blank', textContent: 'mailbox' });
  const note = document.createElement('p');
  note.append('Codes of this development stack arrive in its ', link, '.');
  document.querySelector('.foot').prepend(note);
}

// Leads to the only client that has a home page, if there is one. This page logs nobody in there: the application does that itself.
async function leadOn() {
  const application = await theApplication();
  const section = element.querySelector('[data-step=done]');
  section.querySelector('[data-no-home]').hidden = application !== null;
  if (application === null) return;
  const link = section.querySelector('[data-home]');
  Object.assign(link, { href: application.homeUrl, textContent: `Continue to ${application.name}`, hidden: false });
}

async function theApplication() {
  try {
    const response = await fetch('.well-known/streamotp.json', { credentials: 'omit' });
    const { application = null } = await response.json();
    return application !== null && /^https?:$/.test(new URL(application.homeUrl).protocol) ? application : null;
  } catch {
    return null; // another host serves these pages, or the API is down
  }
}
