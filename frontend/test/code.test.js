import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeIn, digitsOf, isPartOfCode } from '../code.js';

test('typing keeps digits only, and no more than fit', () => {
  for (const [typed, kept] of [['48a2', '482'], ['482 913', '482913'], ['4829137', '482913'], ['', ''], ['４８２', '482'], ['४८२९१३', '482913']]) {
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
    ['Your code is 482913.', '482913'],
    ['482\u2013913', '482913'],
    ['482\u2009913\u200b', '482913'],
    ['\u202a482913\u202c', '482913'],
    ['४८२९१३ आपका कोड है', '482913'],
    ['Sent 2026-11-28 18:30. Code: 482913', '482913'],
    ['Code 482.913', '482913'],
    ['Your code: 482\u2212913 thanks', '482913'],
    ['Your code: 482 \u2043 913 thanks', '482913'],
    ['Your code: 482\u30fc913 thanks', '482913'],
    ['482913 is your code.\n\n@d111111abcdef8.cloudfront.net #482913', '482913'],
    ['482913 is your code.  @d111111abcdef8.cloudfront.net #482913', '482913'], // as a field without lines keeps it
    ['\u0664\u0668\u0662\u0669\u0661\u0663\n@123456.example #\u0664\u0668\u0662\u0669\u0661\u0663', '482913'],
    ['@d111111abcdef8.cloudfront.net #482913', '482913'],
    ['482913 is your code.\n@example.com #555123', ''],
    ['482913 or ask ada@555123.example', ''],
    ['482913 or 555123', ''],
    ['482 913 or 555 123', ''],
    ['Call 0301234567 for help', ''],
    ['4829137', ''],
    ['12 482913', '482913'],
    ['Valid for 5 minutes, 482 913', '482913'],
    ['4829', ''],
    ['no code', ''],
    ['', ''],
  ];
  for (const [text, code] of table) assert.equal(codeIn(text, 6), code, JSON.stringify(text));
  assert.equal(codeIn('4829 1374', 8), '48291374');
});

test('the beginning of a code is part of one, a sentence or too many digits are not', () => {
  for (const part of ['', '4829', '482 9', '482913', '४८', '48\u200b']) assert.ok(isPartOfCode(part, 6), part);
  for (const other of ['4829137', 'code 48', '48a', '+48']) assert.ok(!isPartOfCode(other, 6), other);
});
