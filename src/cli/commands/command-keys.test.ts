import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { formatManifest } from '../../fleet/index.ts';
import { espalier } from '../testing/run-espalier.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  const base = { name: 'base', fingerprint: `sha256:${'a'.repeat(64)}` };
  await writeFile(join(dir, 'fleet.yaml'), formatManifest({ name: 'fleet', base, adapters: [] }));
  vi.stubEnv('ESPALIER_ADMIN_KEY', '');
  vi.stubEnv('ESPALIER_READ_KEY', 'looks');
  vi.stubEnv('ESPALIER_API_KEY', 'changes');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  await rm(dir, { recursive: true });
});

it.each([
  ['fleet status', 'looks'],
  ['fleet diff FILE', 'looks'],
  ['fleet apply FILE', 'changes'],
  ['fleet pause', 'changes'],
  ['fleet resume', 'changes'],
  ['jobs list', 'looks'],
  ['jobs cancel ftjob-1', 'changes'],
  ['rollout status', 'looks'],
  ['rollout pause a', 'changes'],
  ['adapter list', 'looks'],
  ['adapter unpin a', 'changes'],
])('%s asks with the key that %s', async (words, key) => {
  const asked: (string | null)[] = [];
  vi.stubGlobal('fetch', (_url: URL, { headers }: RequestInit) => {
    asked.push(new Headers(headers).get('authorization'));
    return Promise.resolve(new Response('{"error":{"message":"no"}}', { status: 403 }));
  });
  const file = join(dir, 'fleet.yaml');
  await espalier(words.split(' ').map((word) => (word === 'FILE' ? file : word)));
  expect(new Set(asked)).toEqual(new Set([`Bearer ${key}`]));
});
