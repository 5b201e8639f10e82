// The only folding of what people type and paste. It does the same as shared/otp/fold.go, whose comments give the reasons;
// shared/otp/testdata/fold.json holds the cases for both.

const FORMAT = /\p{Cf}/gu;
const EDGES = /^[\p{White_Space}\p{Cf}]+|[\p{White_Space}\p{Cf}]+$/gu;
const SEPARATORS = /[\p{White_Space}\p{Cf}\p{Pd}\u2212\u2043\u30FC]/gu;
const BRACKETS = /[()[\]~（）［］]/g;
const GROUP_MARKS = /[./．／]/g;
const SHORT_END = /[./．／]\d$|^[^./．／]*[./．／]\d\d$/;

export function foldAddress(text) {
  const at = text.lastIndexOf('@');
  return text.replace(FORMAT, (c, i) => (i > at && /[\u200C\u200D]/.test(c) ? c : '')).replace(EDGES, '');
}

export const foldCode = (text) => asciiDigits(text.replace(SEPARATORS, ''));

export function foldNumber(text) {
  const number = foldCode(text).replace(BRACKETS, '').replace(/[./．／]+$/, '');
  return (SHORT_END.test(number) ? number : number.replace(GROUP_MARKS, '')).replace(/[＋﹢]/g, '+').replace(/^00/, '+');
}

export const foldPassword = (text) => text.replace(/^[\r\n\p{Cf}]+|[\r\n\p{Cf}]+$/gu, '');

export function asciiDigits(text) {
  return text.replace(/\p{Nd}/gu, (digit) => {
    let zero = digit.codePointAt(0);
    while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
    return (digit.codePointAt(0) - zero) % 10;
  });
}
