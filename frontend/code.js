// Reads a code as people paste and type it. Pure, so that it can be tested without a browser.

// Full-width digits come from East Asian keyboards, the other two rows from Arabic ones.
const OTHER_DIGITS = /[\uFF10-\uFF19\u0660-\u0669\u06F0-\u06F9]/g;

// All three rows start at a code point whose last hexadecimal digit is 0, so it is the value.
export function foldDigits(text) {
  return text.replace(OTHER_DIGITS, (digit) => String(digit.codePointAt(0) & 0xf));
}

// What the field keeps of what is typed: digits, at most `length`.
export function digitsOf(text, length) {
  return foldDigits(text).replace(/\D/g, '').slice(0, length);
}

// The code in a pasted text, which may be "482 913", "482-913" or a whole message with other
// numbers in it. A lone run of the right length wins over digits that only add up to it.
export function codeIn(text, length) {
  const folded = foldDigits(text);
  const run = folded.match(new RegExp(`(?<!\\d)\\d{${length}}(?!\\d)`));
  if (run) return run[0];
  const grouped = folded.match(new RegExp(`(?<!\\d)\\d(?:[\\s\\-\u2010-\u2015.]*\\d){${length - 1}}(?!\\d)`));
  return digitsOf(grouped ? grouped[0] : folded, length);
}
