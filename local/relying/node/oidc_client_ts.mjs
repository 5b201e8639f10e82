// A page of oidc-client-ts, which is a public client: https://github.com/authts/oidc-client-ts
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';

const { ISSUER, CLIENT_ID, PORT } = process.env;
const home = `http://127.0.0.1:${PORT}/`;
const settings = {
  authority: ISSUER, client_id: CLIENT_ID, redirect_uri: `${home}callback`, post_logout_redirect_uri: home,
  scope: 'openid email', loadUserInfo: true, automaticSilentRenew: false, // there is no session at the issuer to renew from
};

const page = `<!doctype html><title>Shop</title><main></main><script src="/oidc-client-ts.js"></script><script type="module">
  const manager = new oidc.UserManager(${JSON.stringify(settings)});
  const main = document.querySelector('main');
  const link = (text, click) => {
    const a = Object.assign(document.createElement('a'), { href: '#', textContent: text });
    a.addEventListener('click', (event) => { event.preventDefault(); click(); });
    return a;
  };
  try {
    if (location.pathname === '/callback') {
      await manager.signinCallback();
      history.replaceState(null, '', '/');
    }
    const user = await manager.getUser();
    main.replaceChildren(...user ? ['Hello ' + user.profile.email + ' ', link('Log out', () => manager.signoutRedirect())]
      : [link('Log in', () => manager.signinRedirect())]);
  } catch (error) {
    main.textContent = error;
  }
</script>`;
const script = await readFile(new URL('node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js', import.meta.url));

createServer((req, res) => {
  const [type, body] = req.url === '/oidc-client-ts.js' ? ['text/javascript', script] : ['text/html', page];
  res.writeHead(200, { 'Content-Type': type }).end(body);
}).listen(PORT, '127.0.0.1');
