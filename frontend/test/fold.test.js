import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fold from '../fold.js';

// shared/otp's TestFold reads the same table. The pages have no field for a name, which is one of its kinds.
const cases = JSON.parse(readFileSync(new URL('../../shared/otp/testdata/fold.json', import.meta.url), 'utf8'))
  .filter(({ kind }) => kind !== 'name');
const folds = { address: fold.foldAddress, code: fold.foldCode, number: fold.foldNumber, password: fold.foldPassword };

for (const { kind, why, typed, folded } of cases) {
  test(`${kind}: ${why}`, () => {
    assert.equal(folds[kind](typed), folded);
    assert.equal(folds[kind](folded), folded, 'it is not final');
  });
}
