// The only thing that survives a reload: the session that a code was requested for. It is kept in
// sessionStorage (this tab, until it is closed) and has no password or code.
//
//   sessionId    the API's id
//   address      the e-mail address or number as the person typed it, so that a typing error can be seen
//   destination  where the code went, as shown
//   channel      its name, or '' if only the server knows it
//   expiresAt, resendAt   milliseconds since 1970, by this browser's clock
//   resends      how often the code was sent again
//   repeated     whether this tab requested a code for the same address before
//   client       the client and nonce that the code was requested for, or '': for others it is no session

import { isChannel } from './channels.js';

const isSession = (s) =>
  s !== null && typeof s === 'object' && typeof s.sessionId === 'string' && typeof s.address === 'string' && typeof s.destination === 'string' && typeof s.client === 'string' &&
  (s.channel === '' || isChannel(s.channel)) &&
  Number.isFinite(s.expiresAt) && Number.isFinite(s.resendAt) && Number.isInteger(s.resends);

export class SessionStore {
  #key;
  #client;
  #storage;
  #memory = null;

  constructor(purpose, client = '', storage = browserStorage()) {
    this.#key = `streamotp.${purpose}`;
    this.#client = client;
    this.#storage = storage;
  }

  load() {
    if (this.#memory) return this.#memory;
    try {
      const found = JSON.parse(this.#storage?.getItem(this.#key) ?? 'null');
      this.#memory = isSession(found) && found.client === this.#client ? found : null;
    } catch {
      this.#memory = null;
    }
    return this.#memory;
  }

  save(session) {
    this.#memory = { ...session, client: this.#client };
    // Storage may be full or forbidden: then only a reload loses the session.
    try { this.#storage?.setItem(this.#key, JSON.stringify(this.#memory)); } catch { /* as said */ }
  }

  clear() {
    this.#memory = null;
    try { this.#storage?.removeItem(this.#key); } catch { /* as above */ }
  }
}

function browserStorage() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined; // a browser set to refuse storage throws on the mere access
  }
}
