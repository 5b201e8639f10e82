// Checks the npm package as somebody gets it: what is in it, how bundlers and TypeScript resolve it, and that it works installed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const site = join(here, '..');
const dir = mkdtempSync(join(tmpdir(), 'stream-otp-'));
after(() => rmSync(dir, { recursive: true }));

function run(cwd, command, ...args) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}: ${error.stdout}${error.stderr}`);
  }
}
const tool = (name, ...args) => run(site, join(here, 'node_modules/.bin', name), ...args);

const [packed] = JSON.parse(run(site, 'npm', 'pack', '--json', '--pack-destination', dir));
const tarball = join(dir, packed.filename);

test('the package has the element, what it imports, its types, and nothing else', () => {
  const modules = new Set(['stream-otp.js', 'client.js']);
  for (const name of modules) {
    for (const [, imported] of readFileSync(join(site, name), 'utf8').matchAll(/(?:from|import) '\.\/([^']+)'/g)) modules.add(imported);
  }
  const wanted = [...modules, 'stream-otp.css', 'stream-otp.d.ts', 'client.d.ts', 'package.json', 'README.md'];
  assert.deepEqual(packed.files.map((file) => file.path).sort(), wanted.sort());
});

test('publint finds nothing', () => {
  assert.match(tool('publint', tarball, '--strict'), /All good/);
});

test('TypeScript finds the types of each entry, however it resolves modules', () => {
  tool('attw', tarball, '--profile', 'esm-only', '--exclude-entrypoints', 'stream-otp.css');
});

test('the types say what the modules do', () => {
  tool('tsd', '--typings', 'stream-otp.d.ts', '--files', 'package-test/*.test-d.ts');
});

test('the installed package works, and a server may import it', () => {
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  run(dir, 'npm', 'install', '--offline', '--no-audit', '--no-fund', tarball);
  writeFileSync(join(dir, 'use.js'), `
    import { Client } from 'stream-otp/client.js';
    import { StreamOTP } from 'stream-otp';
    const calls = [];
    const fetchFn = async (url, { body }) => {
      calls.push(url, body);
      return new Response('{"sessionId":"s"}', { headers: { 'content-type': 'application/json' } });
    };
    const { sessionId } = await new Client('https://login.example.com/api/', { fetchFn }).generate({ email: 'ada@example.com' });
    console.log(JSON.stringify([sessionId, typeof StreamOTP, ...calls]));`);
  assert.deepEqual(JSON.parse(run(dir, 'node', 'use.js')), ['s', 'function', 'https://login.example.com/api/generate', '{"email":"ada@example.com"}']);
});
