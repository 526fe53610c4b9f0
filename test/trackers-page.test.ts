import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrainEvent } from '../src/index.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'espalier-trackers-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const page = await readFile(new URL('../docs/trackers.md', import.meta.url), 'utf8');
const metrics = { step: 1, loss: 2, gradNorm: 1, learningRate: 1e-3, targetTokens: 5, tokensPerSecond: 10 };
const events: TrainEvent[] = [
  { kind: 'evaluated', step: 0, loss: 3 },
  { kind: 'stepped', steps: 2, metrics },
  { kind: 'stepped', steps: 2, metrics: { ...metrics, step: 2, loss: NaN, skipped: 'the loss' } },
  { kind: 'warned', message: 'x' },
];

/** Runs the page's program on lines of events, against a server that keeps what it is sent. */
async function send(lines: readonly object[]): Promise<{ path: string; body: Record<string, unknown> }[]> {
  const calls: { path: string; body: Record<string, unknown> }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      calls.push({ path, body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown> });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(path.endsWith('runs/create') ? { run: { info: { run_id: 'r1' } } } : {}));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const program = join(folder, 'to-mlflow.mjs');
  await writeFile(program, /<!-- program: to-mlflow\.mjs -->\s+```js\n(.*?)```/s.exec(page)?.[1] ?? '');
  const child = spawn(process.execPath, [program, `http://127.0.0.1:${port}`, 'strict'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const [code] = (await once(child, 'exit')) as [number];
  server.close();
  expect(code).toBe(0);
  return calls;
}

describe('docs/trackers.md', () => {
  it('has a program that sends the events of a training to MLflow', async () => {
    const calls = await send([...events, { kind: 'finished', result: { interrupted: false } }]);
    const batches = calls.filter(({ path }) => path === '/api/2.0/mlflow/runs/log-batch').map(({ body }) => body);
    const sent = batches.map((body) =>
      (body['metrics'] as { key: string; step: number; value: number }[]).map(({ key, step, value }) => [
        key,
        step,
        value,
      ]),
    );
    expect(sent[0]).toEqual([['heldOutLoss', 0, 3]]);
    expect(sent[1]).toContainEqual(['loss', 1, 2]);
    expect(sent[1]).toContainEqual(['learningRate', 1, 1e-3]);
    expect(sent[2]?.map(([key]) => key)).toEqual(['gradNorm', 'learningRate', 'targetTokens', 'tokensPerSecond']);
    expect(batches.every((body) => body['run_id'] === 'r1')).toBe(true);
    expect(calls.at(-1)).toMatchObject({
      path: '/api/2.0/mlflow/runs/update',
      body: { run_id: 'r1', status: 'FINISHED' },
    });
  });

  it('tells MLflow of a training that failed', async () => {
    expect((await send(events)).at(-1)).toMatchObject({ body: { status: 'FAILED' } });
  });

  it('names every kind of event', () => {
    const kinds: Record<TrainEvent['kind'], true> = {
      planned: true,
      stepped: true,
      evaluated: true,
      sampled: true,
      saved: true,
      resumed: true,
      warned: true,
    };
    const named = [...page.matchAll(/^\| `(\w+)` +\|/gm)].map(([, kind]) => kind);
    expect(named.sort()).toEqual([...Object.keys(kinds), 'finished', 'kind'].sort());
  });
});
