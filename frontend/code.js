// Reads a code as people paste and type it. Pure, so that it can be tested without a browser.

import { asciiDigits, foldCode } from './fold.js';

// The field keeps only the digits of a typed text, at most `length`.
export function digitsOf(text, length) {
  return asciiDigits(text).replace(/[^0-9]/g, '').slice(0, length);
}

// Whether a text is nothing but a code or the beginning of one.
export const isPartOfCode = (text, length) => /^\d*$/.test(foldCode(text)) && foldCode(text).length <= length;

// The code in a pasted text, which may be "482 913" or a whole message with other numbers in it. It is '' if there is none or more
// than one: a guess would cost an attempt. A code written together wins over digits in groups, such as those of a date.
export function codeIn(text, length) {
  const folded = asciiDigits(text).replace(/\p{Cf}/gu, '').replace(SMS_HOST, '');
  const together = oneOf(folded.match(/\d+/g), length);
  return together ?? oneOf(folded.match(GROUPS), length) ?? '';
}

// The host in the last line of an SMS for WebOTP, "@host #code", may have digits of its own.
const SMS_HOST = /@[^\s@]+(?=\s+#\d)/g;

// Groups of digits with blanks, a hyphen (any that fold.js drops) or a dot between them.
const GROUPS = /\d+(?:(?:[\p{Zs}\t]*[\p{Pd}\u2212\u2043\u30FC][\p{Zs}\t]*|[\p{Zs}\t]+|\.)\d+)+/gu;

// The one code among the texts, '' if there are several, undefined if there is none. A message may repeat its code.
function oneOf(texts, length) {
  const codes = new Set((texts ?? []).map((text) => digitsOf(text)).filter((digits) => digits.length === length));
  return codes.size > 1 ? '' : [...codes][0];
}
