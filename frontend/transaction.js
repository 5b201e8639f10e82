// Gives the login page's element the transaction in the address, before the element is defined, and keeps it on the way to the other
// pages and back. An application's login leads to /#<transaction>.

const found = /^#([\w-]{22})$/.exec(location.hash);
if (found) {
  document.querySelector('stream-otp[purpose=login]')?.setAttribute('transaction', found[1]);
  for (const holder of [document, ...[...document.querySelectorAll('template')].map((template) => template.content)]) {
    holder.querySelector('a[href="verify.html"]')?.remove(); // it belongs to no login
    for (const link of holder.querySelectorAll('a[href$=".html"]')) link.setAttribute('href', link.getAttribute('href') + found[0]);
  }
  window.addEventListener('pageshow', ({ persisted }) => persisted && location.reload()); // Back from the application
}
window.addEventListener('hashchange', () => location.reload());
