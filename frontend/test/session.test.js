import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionStore } from '../session.js';

const session = { sessionId: 's', address: 'ada@example.com', destination: 'ada@example.com', channel: 'email', expiresAt: 1000, resendAt: 500, resends: 0, repeated: false, client: '' };

function memory(entries = {}) {
  const map = new Map(Object.entries(entries));
  return { map, getItem: (k) => map.get(k) ?? null, setItem: (k, v) => map.set(k, v), removeItem: (k) => map.delete(k) };
}

test('a session outlives a reload, for its own purpose', () => {
  const storage = memory();
  new SessionStore('login', '', storage).save(session);
  assert.deepEqual(new SessionStore('login', '', storage).load(), session);
  assert.equal(new SessionStore('reset', '', storage).load(), null);
});

test('a cleared session is gone', () => {
  const storage = memory();
  const store = new SessionStore('login', '', storage);
  store.save(session);
  store.clear();
  assert.equal(store.load(), null);
  assert.equal(storage.map.size, 0);
});

test('a value that other code left there is not a session', () => {
  for (const text of ['', 'nonsense', 'null', '7', '{}', '{"sessionId":"s"}', JSON.stringify({ ...session, expiresAt: 'soon' }), JSON.stringify({ ...session, address: undefined }), JSON.stringify({ ...session, channel: 'fax' }), JSON.stringify({ ...session, channel: undefined })]) {
    assert.equal(new SessionStore('login', '', memory({ 'streamotp.login': text })).load(), null, text);
  }
});

test('without storage a session lives as long as the page', () => {
  const refused = () => { throw new Error('SecurityError'); };
  for (const storage of [undefined, { getItem: refused, setItem: refused, removeItem: refused }]) {
    const store = new SessionStore('login', '', storage);
    store.save(session);
    assert.deepEqual(store.load(), session);
    store.clear();
    assert.equal(store.load(), null);
  }
});

test('a session for another client or nonce is none: its proof would be refused', () => {
  const storage = memory();
  new SessionStore('login', 'shop n-1', storage).save(session);
  assert.equal(new SessionStore('login', 'shop n-1', storage).load().sessionId, session.sessionId);
  for (const other of ['', 'shop n-2', 'blog n-1']) assert.equal(new SessionStore('login', other, storage).load(), null, other);
});
