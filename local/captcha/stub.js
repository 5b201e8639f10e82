// Replaces a CAPTCHA provider's script: it has the part of its API that the pages use, with a checkbox as the challenge.
// The development stack serves it. It stops no robots.
(() => {
  const source = new URL(document.currentScript.src);
  const provider = source.searchParams.get('provider');
  const widgets = [];

  async function solve(siteKey, action, score) {
    const response = await fetch('/_local/captcha/tokens', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ siteKey, action, score, hostname: location.hostname }),
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()).token;
  }

  // Set as properties, because the page's policy blocks style attributes.
  const styled = (element, style) => Object.assign(element.style, style) && element;

  function render(container, options) {
    const host = typeof container === 'string' ? document.querySelector(container) : container;
    const box = styled(document.createElement('input'), { width: '2.75rem', minHeight: '2.75rem', margin: '0', flex: 'none' });
    box.type = 'checkbox';
    const label = styled(document.createElement('label'), {
      display: 'flex', alignItems: 'center', gap: '.75rem', minHeight: '4rem', padding: '.5rem .75rem', border: '1px dashed', fontWeight: '400',
    });
    label.append(box, `I am a person (development stub of ${provider})`);
    host.append(label);
    box.addEventListener('change', async () => {
      if (!box.checked) return;
      try {
        const token = await solve(options.sitekey, options.action ?? '');
        box.disabled = true;
        options.callback(token);
      } catch (error) {
        console.error(error);
        options['error-callback']?.();
      }
    });
    options['before-interactive-callback']?.(); // Turnstile calls this when it needs the visitor to act
    return widgets.push(box) - 1;
  }

  function reset(id = 0) {
    widgets[id].checked = false;
    widgets[id].disabled = false;
  }

  const api = { render, reset };
  if (provider === 'recaptcha') {
    api.ready = (callback) => callback();
    api.execute = (siteKey, { action }) => solve(siteKey, action, 0.9);
  }
  window[{ turnstile: 'turnstile', hcaptcha: 'hcaptcha', recaptcha: 'grecaptcha' }[provider]] = api;
  window[source.searchParams.get('onload')]?.();
})();
