// Gives the element of a login page the transaction in the address, before the element is defined, and keeps it on the way to the other
// pages and back. An application's login leads to /#<transaction>.

const element = document.querySelector('stream-otp');
const purpose = element.getAttribute('purpose');
const isByCode = ['passwordless', 'sign-up'].includes(purpose);
const found = /^#([\w-]{22})$/.exec(location.hash);
if (found) {
  if (isByCode || purpose === 'login') element.setAttribute('transaction', found[1]);
  for (const holder of [document, ...[...document.querySelectorAll('template')].map((template) => template.content)]) {
    holder.querySelector('a[href="verify.html"]')?.remove(); // it belongs to no login
    for (const link of holder.querySelectorAll('a[href$=".html"]')) link.setAttribute('href', link.getAttribute('href') + found[0]);
  }
  window.addEventListener('pageshow', ({ persisted }) => persisted && location.reload()); // Back from the application
}
// Without a password nobody logs in here but to an application.
if (!found && isByCode) location.replace('index.html');
window.addEventListener('hashchange', () => location.reload());
