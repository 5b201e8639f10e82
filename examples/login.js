// The login page's own script, which all of these applications serve. It gives the proof to the application's server.

addEventListener('streamotp-verified', async (event) => {
  event.preventDefault(); // without the element's own last step
  const body = new URLSearchParams({ proof: event.detail.proof });
  const response = await fetch('/login', { method: 'POST', body }).catch(() => null);
  if (response?.ok) location.replace('/');
  else document.querySelector('[role=alert]').textContent = 'You are not logged in. Reload this page and log in again.';
});
