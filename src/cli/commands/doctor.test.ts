import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../http/app.ts';
import { fakeContext } from '../../http/testing/fake-context.ts';
import { AdapterRegistry, createAdapterControl } from '../../routing/index.ts';
import { FakeArena, FakeFiles, type FakeWeights } from '../../routing/testing/fake-arena.ts';
import { adapterSamples } from '../../service/index.ts';
import { ServerMetrics } from '../../telemetry/index.ts';
import { espalier } from '../testing/run-espalier.ts';
import type { Diagnosis } from './doctor.ts';

/** WHY: this machine may be busy. */
const loop = { take: () => ({ p50: 0, p99: 0, max: 0 }), [Symbol.dispose]: () => undefined };

let registry: AdapterRegistry<FakeWeights>;
let metrics: ServerMetrics;
let app: ReturnType<typeof createApp>;
let server: string;

beforeEach(async () => {
  registry = new AdapterRegistry(new FakeArena(), { memory: 1000 });
  metrics = new ServerMetrics({ version: '9.9.9', loop });
  metrics.attach({
    baseName: 'base',
    isReady: () => true,
    adapters: () => adapterSamples(registry, () => false),
    breakers: () => registry.versions().map(({ digest: version }) => ({ version, state: 'open' })),
  });
  const context = { ...fakeContext(), control: createAdapterControl({ registry, baseName: 'base' }) };
  app = createApp(context, { generation: context }, { adminKey: 'secret-of-admin', metrics });
  await app.listen({ host: '127.0.0.1', port: 0 });
  server = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await app.close();
  metrics[Symbol.dispose]();
  registry.dispose();
});

const run = (...words: string[]): ReturnType<typeof espalier> =>
  espalier(['doctor', '--server', server, '--admin-key', 'secret-of-admin', ...words]);

describe('espalier doctor', () => {
  it('finds nothing where nothing is wrong', async () => {
    const { exitCode, stdout } = await run();
    expect([exitCode, stdout.split('\n')[0]]).toEqual([
      0,
      `${server}, espalier 9.9.9 on Node ${process.versions.node}`,
    ]);
    expect(stdout).toContain('Nothing stands out at this moment.');
  });

  it('does not call a server down that refuses the key', async () => {
    const refusing = createServer((_request, reply) => void reply.writeHead(401).end('no such key'));
    await once(refusing.listen(0, '127.0.0.1'), 'listening');
    server = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`;
    const { stdout } = await run();
    refusing.close();
    expect(stdout).toMatch(/^series +401 /m);
    expect(stdout).not.toContain('EspalierDown');
    expect(stdout).not.toContain('Nothing stands out');
    expect(stdout).toContain('give a key that may look');
  });

  it('names what stands out, with the page of its alert', async () => {
    await registry.load('good', new FakeFiles('good'));
    registry.announce('bad', new FakeFiles('bad', new Error('unreadable')));
    await registry.readAnnounced();
    const { stdout } = await run();
    expect(stdout).toContain('- the adapter bad cannot be served (docs/alerts/EspalierAdapterDown.md)');
    expect(stdout).toContain('- the breaker of good (good) is open (docs/alerts/EspalierBreakerOpen.md)');
  });

  it('has all that was said in JSON, and no key', async () => {
    await registry.load('good', new FakeFiles('good'));
    const { stdout } = await run('--json');
    const { parts, metrics: lines, build, findings } = JSON.parse(stdout) as Diagnosis;
    expect(parts.health).toEqual({ status: 200, said: { status: 'ok' } });
    expect(parts.adapters).toMatchObject({ status: 200, said: { data: [{ name: 'good' }] } });
    expect(lines).toContain('device_up{type="lora",id="good"} 1');
    expect(lines.filter((line) => line.includes('_bucket'))).toEqual([]);
    expect(build).toMatchObject({ version: '9.9.9' });
    expect(findings).toEqual([{ alert: 'EspalierBreakerOpen', what: 'the breaker of good (good) is open' }]);
    expect(stdout).not.toContain('secret-of-admin');
  });

  it('tells of a server that does not answer, and of one that has another key', async () => {
    await app.close();
    const { exitCode, stdout } = await run();
    expect(exitCode).toBe(0);
    expect(stdout).toContain('docs/alerts/EspalierDown.md');
    expect(stdout).toMatch(/health +.*ECONNREFUSED/);
  });
});
