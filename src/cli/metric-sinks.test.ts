import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { trainingTable } from '../telemetry/index.ts';
import { Series } from '../telemetry/testing/series.ts';
import type { TrainEvent } from '../train/index.ts';
import { MetricSinks } from './metric-sinks.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterEach(() => rm(folder, { recursive: true }));

const stepped = (step: number): TrainEvent => ({
  kind: 'stepped',
  steps: 10,
  metrics: { step, loss: 2 / step, gradNorm: 0.5, learningRate: 1e-3, targetTokens: 100, tokensPerSecond: 1000 },
});

interface Pushed {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly body: string;
}

/** A gateway that keeps what it gets. */
async function gateway(status: number): Promise<{ url: string; pushed: Pushed[]; server: Server }> {
  const pushed: Pushed[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += String(chunk)));
    request.on('end', () => {
      pushed.push({ method: request.method, url: request.url, body });
      response.writeHead(status).end(status === 200 ? '' : 'inconsistent');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, pushed, server };
}

describe('the series of a training', () => {
  const notes: string[] = [];
  const note = (text: string): void => void notes.push(text);
  afterEach(() => void notes.splice(0));

  it('are in the file as the training left them', async () => {
    const metricsFile = join(folder, 'strict.prom');
    const sinks = new MetricSinks({ adapter: 'strict', metricsFile, note });
    for (let step = 1; step <= 4; step++) sinks.heard(stepped(step));
    sinks.heard({ kind: 'evaluated', step: 4, loss: 1.25 });
    sinks.heard({ kind: 'saved', step: 4, checkpoint: 'x', seconds: 0.2 });
    sinks.heard({ kind: 'warned', message: 'odd' });
    await sinks.ended('interrupted');
    const series = new Series(await readFile(metricsFile, 'utf8'));
    const adapter = { adapter: 'strict' };
    expect(series.names).toEqual(Object.keys(trainingTable));
    expect(series.value('espalier_train_step', adapter)).toBe(4);
    expect(series.value('espalier_train_loss', adapter)).toBe(0.5);
    expect(series.value('espalier_train_target_tokens_total', adapter)).toBe(400);
    expect(series.value('espalier_train_held_out_loss', adapter)).toBe(1.25);
    expect(series.value('espalier_train_checkpoints_total', adapter)).toBe(1);
    expect(series.value('espalier_train_warnings_total', adapter)).toBe(1);
    expect(series.value('espalier_train_running', adapter)).toBe(0);
    expect(series.value('espalier_train_ended', { adapter: 'strict', result: 'interrupted' })).toBe(1);
    // Nothing is left of the files that became it.
    expect(await readdir(folder)).toEqual(['strict.prom']);
  });

  it('are written at most once a second, and at the end', async () => {
    const { url, pushed, server } = await gateway(200);
    let now = 0;
    const sinks = new MetricSinks({ adapter: 'a/b', pushGateway: url, note, clock: { now: () => now } });
    for (let step = 1; step <= 100; step++) sinks.heard(stepped(step));
    await expect.poll(() => pushed.length).toBe(1);
    now = 500;
    sinks.heard(stepped(101));
    await sinks.ended('finished');
    server.close();
    expect(pushed.map(({ method, url: path }) => `${method} ${path}`)).toEqual(
      Array.from({ length: 2 }, () => 'PUT /metrics/job@base64/ZXNwYWxpZXJfdHJhaW4/adapter@base64/YS9i'),
    );
    expect(new Series(pushed[1]?.body ?? '').value('espalier_train_step', { adapter: 'a/b' })).toBe(101);
  });

  it('stop nothing where they cannot be written, and say so once', async () => {
    const { url, server } = await gateway(400);
    const sinks = new MetricSinks({
      adapter: 'a',
      metricsFile: join(folder, 'none', 'a.prom'),
      pushGateway: url,
      note,
    });
    sinks.heard(stepped(1));
    await sinks.ended('finished');
    server.close();
    expect(notes).toHaveLength(2);
    expect(notes.join('\n')).toContain('400 inconsistent');
  });
});
