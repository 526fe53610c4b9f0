import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PreparedAdapter } from '../../engine/index.ts';
import { createApp } from '../../http/app.ts';
import { fakeContext } from '../../http/testing/fake-context.ts';
import { type AdapterArena, AdapterRegistry, createAdapterControl } from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { Rollouts } from '../../service/rollouts/rollouts.ts';
import { espalier } from '../testing/run-espalier.ts';

const [older, stable, fresh] = ['1', '2', '3'].map((digit) => digit.repeat(64)) as [string, string, string];

let registry: AdapterRegistry<PreparedAdapter>;
let rollouts: Rollouts<PreparedAdapter>;
let app: ReturnType<typeof createApp>;
let server: string;
beforeEach(async () => {
  registry = new AdapterRegistry(new FakeArena() as unknown as AdapterArena<PreparedAdapter>, { memory: 1000 });
  rollouts = new Rollouts({ registry, clock: { now: () => 0 } });
  const store = new FakeStore([older, stable, fresh]);
  const control = createAdapterControl({ registry, baseName: 'base', store });
  await rollouts.begin({ control, store });
  const context = { ...fakeContext(), control, rollouts };
  app = createApp(context, { generation: context }, { adminKey: 'secret' });
  await app.listen({ host: '127.0.0.1', port: 0 });
  server = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  for (const digest of [older, stable]) await control.move('org/support', digest, { cause: { actor: 'store' } });
});
afterEach(async () => {
  await app.close();
  await rollouts[Symbol.asyncDispose]();
  registry.dispose();
});

function run(...words: string[]): ReturnType<typeof espalier> {
  return espalier(['rollout', ...words, '--server', server, '--admin-key', 'secret']);
}

describe('espalier rollout, on a running server', () => {
  it('starts a roll-out with its own steps, and shows it', async () => {
    const started = await run('start', 'org/support', fresh, '--steps', 'shadow=50%:30s,25%:5m:500,100%');
    expect(started.stdout).toBe(
      `org/support  running, step 1 of 3 (shadow)\n  stable     ${stable}\n  candidate  ${fresh}\n` +
        `  calls      0 of the candidate in this step, 0 failed\n             0 of the stable version, 0 failed\n`,
    );
    expect((await run('status', 'org/support')).stdout).toBe(started.stdout);
    expect((await run('status')).stdout).toBe('org/support  running, step 1 of 3 (shadow)\n');
    expect(JSON.parse((await run('status', 'org/support', '--json')).stdout)).toMatchObject({
      candidate: fresh,
      steps: [
        { mirror: 0.5, minimum_ms: 30_000 },
        { share: 0.25, minimum_ms: 300_000, minimum_samples: 500 },
        { share: 1 },
      ],
    });
  });

  it('takes a version of the history by its first characters, and promotes it', async () => {
    await run('start', 'org/support', '111111', '--reason', 'back to old words');
    const { stdout } = await run('promote', 'org/support', '--reason', 'seen enough', '--if-version', '222222');
    expect(stdout).toContain('org/support  promoted, step 1 of 3');
    expect(stdout).toContain('reason     seen enough');
    expect(registry.info('org/support').version).toBe(older);
  });

  it('holds, resumes, aborts and clears one', async () => {
    await run('start', 'org/support', fresh);
    const phases: (string | undefined)[] = [];
    for (const verb of ['pause', 'resume', 'abort', 'clear']) {
      const { stdout } = await run(verb, 'org/support', '--json');
      phases.push((JSON.parse(stdout) as { phase: string }).phase);
    }
    expect(phases).toEqual(['paused', 'running', 'aborted', 'aborted']);
    expect(registry.info('org/support').version).toBe(stable);
  });

  it('says what is wrong', async () => {
    expect((await run('status', 'org/support')).stderr).toContain('has no roll-out');
    expect((await run('start', 'org/support', '999999')).stderr).toContain('the beginning of a version in the history');
    expect((await run('start', 'org/support', fresh, '--steps', 'shade')).stderr).toContain('shadow,10%,100%');
    const refused = await run('start', 'org/support', fresh, '--if-version', older);
    expect([refused.exitCode === 0, refused.stderr.includes('precondition')]).toEqual([false, true]);
    expect((await run('status')).stdout).toBe('no roll-outs\n');
  });
});

describe('espalier, on the names of a running server', () => {
  it('declares who answers for a version that fails, shows it, and takes it back', async () => {
    const adapter = (...words: string[]): ReturnType<typeof espalier> =>
      espalier(['adapter', ...words, '--server', server, '--admin-key', 'secret']);
    const set = await adapter('set', 'org/support', '--fallback', 'base');
    expect(set.stdout).toBe('org/support falls back to: base\n');
    expect((await adapter('status', 'org/support')).stdout).toContain('fallback  base, declared for this name\n');
    expect((await adapter('set', 'org/support', '--fallback', 'server')).stdout).toContain('previous');
    expect(rollouts.fallbackOf('org/support')).toEqual({ fallback: 'previous', isDeclared: false });
    expect((await adapter('set', 'org/support', '--fallback', 'nobody')).exitCode).not.toBe(0);
  });

  it('measures what a version differs from itself by, and shows it', async () => {
    expect((await run('noise', 'org/support')).stdout).toBe('org/support  was not measured\n');
    const started = await run('noise', 'org/support', '--start', '--samples', '20', '--share', '1');
    expect(started.stdout).toBe(`org/support  version ${stable.slice(0, 12)} is being measured: 0 of 20 requests\n`);
    const comparison = { positions: 1, divergence: 0, agreement: 1, stableEntropy: 1, candidateEntropy: 1 };
    for (let i = 0; i < 20; i++) {
      rollouts.noise
        .takes('org/support', stable)
        ?.recordMirrored({ outcome: 'success', hasStableFailed: false, comparison });
    }
    expect((await run('noise', 'org/support')).stdout).toMatch(/noise of version 222222222222 over 20 requests/);
  });
});
