import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, EspalierError, onAdapterEvent } from '../../core/index.ts';
import { FolderSource } from '../../fleet/index.ts';
import { adapterFiles, digestOf, fingerprint, manifestOf } from '../../fleet/testing/manifests.ts';
import { FleetHouse, namesOf, type Process } from '../testing/fleet-house.ts';

let folder: string;
let process: Process;
let events: AdapterEvent[];
let listening: Disposable;
const good = manifestOf({ one: 'a', two: 'b' });

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-fleet-'));
  events = [];
  listening = onAdapterEvent((event) => event.event === 'fleet' && events.push(event));
  write({ ...adapterFiles('ab'), 'fleet.yaml': good });
  process = await new FleetHouse().start(new FolderSource(folder));
});
afterEach(async () => {
  await process.end();
  listening[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** A commit that must change nothing: what it does to a good one, and the code and a part of its reason. */
interface Bad {
  readonly what: string;
  readonly files: (good: string) => Record<string, string>;
  readonly code: string;
  readonly text: string;
}

const edit = (from: string | RegExp, to: string) => (good: string) => {
  const text = good.replace(from, to);
  if (text === good) throw new TypeError(`${String(from)} changes nothing`);
  return { 'fleet.yaml': text };
};
const whole = (text: string) => () => ({ 'fleet.yaml': text });
const bad = (what: string, files: Bad['files'], text: string, code = 'FLEET_INVALID'): Bad => ({
  what,
  files,
  code,
  text,
});
const [a, z] = [digestOf('a'), digestOf('z')];
const added = '    - {name: added, digest: ';

const badCommits: readonly Bad[] = [
  bad('is no YAML', whole('spec: [unclosed'), 'cannot be read as YAML'),
  bad('is empty', whole('# nothing\n'), 'it is empty'),
  bad('has two documents', (good) => ({ 'fleet.yaml': `${good}---\n${good}` }), 'one document is expected'),
  bad('uses aliases of YAML', edit('metadata: {name: test}', 'metadata: &m {name: test}\nx: *m'), 'without aliases'),
  bad('has a key twice', edit('kind: Fleet', 'kind: Fleet\nkind: Fleet'), 'cannot be read as YAML'),
  bad('has another version of the form', edit('v1alpha1', 'v2'), '"espalier/v1alpha1" is expected'),
  bad('is of another kind', edit('kind: Fleet', 'kind: Deployment'), '"Fleet" is expected'),
  bad('has no metadata', edit('metadata: {name: test}\n', ''), 'metadata: it is missing'),
  bad('misspells a field', edit('aliases:', 'aliasses:'), 'Did you mean aliases?'),
  bad(
    'misspells a field of a name',
    edit('{name: one, digest', '{name: one, fallbak: base, digest'),
    'Did you mean fallback?',
  ),
  bad(
    'has a short digest',
    edit(`name: one, digest: ${a}`, 'name: one, digest: abc'),
    'a SHA-256 of 64 hexadecimal digits',
  ),
  bad('has a name that no adapter can have', edit('name: one,', 'name: "../one",'), 'cannot be the name of an adapter'),
  bad('has the name of the base', edit('name: one,', 'name: base,'), 'is the name of the base'),
  bad('has a name twice', edit('name: two,', 'name: one,'), 'is there twice'),
  bad(
    'points to a version that is not listed',
    edit(`one, digest: ${a}`, `one, digest: ${z}`),
    'is none of spec.adapters',
  ),
  bad('lists a version twice', edit('  aliases:', `    - {digest: ${a}}\n  aliases:`), 'is listed twice'),
  bad('leads out of the repository', edit('path: adapters/a', 'path: ../../etc/passwd'), 'a path below the folder'),
  bad('names an absolute path', edit('path: adapters/a', 'path: /etc/passwd'), 'a path below the folder'),
  bad('names the repository itself', edit('path: adapters/a', 'path: .git/config'), 'a path below the folder'),
  bad('names two places', edit('path: adapters/a', 'path: adapters/a, folder: a'), 'either path or folder'),
  bad(
    'has steps without a roll-out',
    edit(`${a}}\n    - {name: two`, `${a}, rollout: {steps: [{share: 1}]}}\n    - {name: two`),
    'strategy: progressive only',
  ),
  bad(
    'has steps that do not end',
    edit(`${a}}\n    - {name: two`, `${a}, rollout: {strategy: progressive, steps: [{share: 0.5}]}}\n    - {name: two`),
    'a last step with the share 1',
  ),
  bad(
    'has a canary of the same version',
    edit(`${a}}\n    - {name: two`, `${a}, canary: {digest: ${a}, share: 0.1}}\n    - {name: two`),
    'another version than that of the alias',
  ),
  bad('has no base', edit(/bases: \[.*\]/, 'bases: []'), 'at least 1 is expected'),
  bad(
    'is for another base',
    edit(fingerprint, `safetensors-1:${'f'.repeat(64)}`),
    'safetensors-1:fff',
    'FLEET_BASE_MISMATCH',
  ),
  bad(
    'names a base that is not there',
    edit(`path: adapters/a}`, 'path: adapters/a, base: other}'),
    'is none of spec.bases',
  ),
  bad('declares nothing', whole(manifestOf({})), 'allowEmpty: true', 'FLEET_EMPTY'),
  bad(
    'names an adapter that is not there',
    edit('  aliases:', `    - {digest: ${z}, path: adapters/z}\n  aliases:\n${added}${z}}`),
    'there is no adapters/z',
    'FLEET_ADAPTER_MISSING',
  ),
  bad(
    'names a version that nobody has',
    edit('  aliases:', `    - {digest: ${z}}\n  aliases:\n${added}${z}}`),
    'names no place',
    'FLEET_ADAPTER_MISSING',
  ),
  bad(
    'pins other files than it has',
    (good) => ({
      'adapters/z': 'y',
      ...edit('  aliases:', `    - {digest: ${z}, path: adapters/z}\n  aliases:\n${added}${z}}`)(good),
    }),
    digestOf('y'),
    'FLEET_DIGEST_MISMATCH',
  ),
  bad(
    'expects a key that is not there',
    (good) => ({ 'fleet.yaml': `${good}  keys: [acme]\n` }),
    'acme',
    'FLEET_KEY_MISSING',
  ),
  bad('is too large', (good) => ({ 'fleet.yaml': `${good}#${'x'.repeat(2 ** 20)}` }), '1048576 are taken'),
];

describe('a commit that must not be taken', () => {
  it.each(badCommits.map((one) => [one.what, one] as const))(
    'because it %s changes nothing, and is named with its reason',
    async (_what, { files, code, text }) => {
      const { fleet, registry } = process;
      const before = registry.list();
      write(files(good));
      await fleet.look();
      await fleet.look();
      // The very list, so that no name was moved and moved back.
      expect(registry.list()).toBe(before);
      const { sync, refused } = await fleet.status();
      expect(sync).toBe('refused');
      const error = refused?.error;
      expect(EspalierError.isInstance(error) ? [error.code, error.message] : error).toEqual([
        code,
        expect.stringContaining(text),
      ]);
      expect(events.map(({ details }) => details?.['step'])).toEqual(['applied', 'refused']);
      write({ 'fleet.yaml': manifestOf({ one: 'b' }) });
      await fleet.look();
      expect(namesOf({ registry })).toEqual({ one: digestOf('b') });
    },
  );
});
