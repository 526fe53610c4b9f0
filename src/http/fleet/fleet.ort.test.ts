import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { espalier } from '../../cli/testing/run-espalier.ts';
import { GitRepository, noGit } from '../../fleet/testing/git-repository.ts';
import { openServer, type Server, type ServerOptions } from '../server.ts';

const golden = fileURLToPath(new URL('../../../test/golden/llama-d16', import.meta.url));
const base = join(golden, 'model');

let folder: string;
let server: Server | undefined;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'espalier-fleet-'))));
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

async function open(options: Partial<ServerOptions>): Promise<Server> {
  server = await openServer({
    base,
    servedName: 'base',
    store: join(folder, 'store'),
    threads: 1,
    port: 0,
    ...options,
  });
  return server;
}

async function answering({ url }: Server, model: string): Promise<string | null> {
  const body = JSON.stringify({ model, prompt: [1, 2], max_tokens: 1 });
  const answer = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  await answer.arrayBuffer();
  return answer.headers.get('x-espalier-version');
}

/** A folder with two adapters, and the manifest that `fleet init` writes for it. */
async function declare(dir: string): Promise<{ readonly text: string; readonly digests: readonly string[] }> {
  for (const [name, from] of [
    ['first', 'adapter'],
    ['second', 'trained'],
  ] as const) {
    cpSync(join(golden, from), join(dir, 'adapters', name), { recursive: true });
  }
  const words = [
    'fleet',
    'init',
    '--adapters',
    join(dir, 'adapters'),
    '--base',
    base,
    '--output',
    join(dir, 'fleet.yaml'),
  ];
  const { exitCode, stderr } = await espalier([...words, '--json']);
  expect([exitCode, stderr]).toEqual([0, '']);
  const text = readFileSync(join(dir, 'fleet.yaml'), 'utf8');
  return { text, digests: [...text.matchAll(/name: \w+\n\s+digest: sha256:(\w+)/g)].map(([, digest = '']) => digest) };
}

describe.skipIf(noGit !== undefined)('a server that follows a repository', () => {
  it('serves what fleet init declared, puts a withdrawn name back, and serves the same after a restart without it', async () => {
    using repository = new GitRepository();
    const { digests } = await declare(repository.dir);
    repository.commit({});
    const fleet = { fleet: repository.url, fleetIntervalMs: 86_400_000 };
    const first = await open(fleet);
    expect([await answering(first, 'first'), await answering(first, 'second')]).toEqual(digests);
    await fetch(`${first.url}/v1/adapters/second`, { method: 'DELETE' });
    const drifted = (await (await fetch(`${first.url}/v1/fleet`)).json()) as {
      sync: string;
      rows: { live: { changed: { by: string } } }[];
    };
    expect([drifted.sync, drifted.rows[1]?.live.changed.by]).toEqual(['drifted', 'address 127.0.0.1']);
    await first.close();
    const again = await open({ ...fleet, fleet: `file://${folder}/gone` });
    expect([await answering(again, 'first'), await answering(again, 'second')]).toEqual(digests);
    const metrics = await (await fetch(`${again.url}/metrics`)).text();
    expect(metrics).toMatch(/espalier_fleet_names\{kind="in_sync"\} 2/);
    expect(metrics).toMatch(/espalier_fleet_snapshot_age_seconds \d/);
  });
});

describe('a list of signers that cannot be used', () => {
  it('is told at the start, and nothing is served', async () => {
    const opened = open({ fleet: `file://${folder}/gone`, fleetSigners: join(folder, 'none') });
    await expect(opened).rejects.toMatchObject({ code: 'FLEET_SIGNERS_INVALID' });
  });
});

describe('a manifest that is applied by hand', () => {
  it('is compared, brings its adapters along, and leaves what lives where it cannot be applied', async () => {
    const { text, digests } = await declare(folder);
    const running = await open({});
    const file = join(folder, 'fleet.yaml');
    const command = (what: string): ReturnType<typeof espalier> =>
      espalier(['fleet', what, file, '--server', running.url, '--json']);
    const diff = await command('diff');
    expect([diff.exitCode, JSON.parse(diff.stdout)]).toMatchObject([1, { changes: 2, missing: digests }]);
    const applied = await command('apply');
    expect([applied.exitCode, applied.stderr]).toEqual([0, '']);
    expect([await answering(running, 'first'), await answering(running, 'second')]).toEqual(digests);
    expect((await command('diff')).exitCode).toBe(0);
    // Another digest than the files have.
    writeFileSync(file, text.replaceAll(digests[1] ?? '', 'f'.repeat(64)));
    const refused = await command('apply');
    expect([refused.exitCode, refused.stdout]).toEqual([1, expect.stringContaining('FLEET_DIGEST_MISMATCH')]);
    expect([await answering(running, 'first'), await answering(running, 'second')]).toEqual(digests);
    const status = await espalier(['fleet', 'status', '--server', running.url]);
    expect(status.stdout).toContain('synced');
    expect((await espalier(['fleet', 'pause', '--server', running.url])).stderr).toContain('follows no source');
  });
});
