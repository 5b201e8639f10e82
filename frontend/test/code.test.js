import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeIn, digitsOf, foldDigits } from '../code.js';

test('digits of other scripts are folded', () => {
  assert.equal(foldDigits('０１２３４５６７８９'), '0123456789');
  assert.equal(foldDigits('٠١٢٣٤٥٦٧٨٩'), '0123456789');
  assert.equal(foldDigits('۰۱۲۳۴۵۶۷۸۹'), '0123456789');
  assert.equal(foldDigits('a1-'), 'a1-');
});

test('typing keeps digits only, and no more than fit', () => {
  for (const [typed, kept] of [['48a2', '482'], ['482 913', '482913'], ['4829137', '482913'], ['', ''], ['４８２', '482']]) {
    assert.equal(digitsOf(typed, 6), kept);
  }
});

test('a code is found in what people paste', () => {
  const table = [
    ['482913', '482913'],
    [' 482 913\n', '482913'],
    ['482-913', '482913'],
    ['4 8 2 9 1 3', '482913'],
    ['４８２　９１３', '482913'],
    ['482\u2011913', '482913'],
    ['482913 is your StreamOTP code to log in. It works for 5 minutes.\n@example.com #482913', '482913'],
    ['5 minutes left: 482913', '482913'],
    ['Code: 482 913. Valid for 5 minutes', '482913'],
    ['4829', '4829'],
    ['no code', ''],
    ['', ''],
  ];
  for (const [text, code] of table) assert.equal(codeIn(text, 6), code, JSON.stringify(text));
  assert.equal(codeIn('4829 1374', 8), '48291374');
});
