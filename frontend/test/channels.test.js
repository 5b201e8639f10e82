import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channelNames, channelOf, isChannel } from '../channels.js';

test('each channel says everything that the pages ask about', () => {
  for (const name of channelNames) {
    const channel = channelOf(name);
    assert.deepEqual(Object.keys(channel), Object.keys(channelOf(channelNames[0])), name);
    assert.ok(['email', 'phone'].includes(channel.field), name);
    for (const call of ['fold', 'shown', 'masked']) assert.equal(typeof channel[call](' x '), 'string', `${name} ${call}`);
  }
});

test('a number is sent folded, shown as it was typed, and masked to its end', () => {
  const { fold, shown, masked } = channelOf('sms');
  assert.equal(fold(' +49 151 12345678 '), '+4915112345678');
  assert.equal(shown(' +49 151 12345678 '), '+49 151 12345678');
  assert.equal(masked('•••78'), 'the phone ending in 78');
});

test('an unknown channel is an error, also one that every object has', () => {
  for (const name of ['', 'fax', 'SMS', 'toString', 'constructor', '__proto__', undefined, null, ['sms'], 7]) {
    assert.equal(isChannel(name), false, String(name));
    assert.throws(() => channelOf(name), /unknown channel/, String(name));
  }
});
