import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeTrainings } from '../../jobs/testing/fake-trainings.ts';
import { type ReceivedSpan, receiveTraces, type TraceReceiver } from '../../telemetry/testing/trace-receiver.ts';
import { openServer, type Server, type ServerOptions } from '../server.ts';

const golden = fileURLToPath(new URL('../../../test/golden/llama-d16', import.meta.url));
const [traceId, callerSpan] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
const traceparent = `00-${traceId}-${callerSpan}-01`;
/** WHY so patient: other tests keep the cores busy. */
const patience = 20_000;

let folder: string;
let receiver: TraceReceiver;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  receiver = await receiveTraces();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.endpoint);
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  vi.unstubAllEnvs();
  await receiver[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A server with a base and a store as they are. Only the processes of its trainings do what the test says. */
async function open(trainings: FakeTrainings): Promise<string> {
  const jobs: ServerOptions['jobs'] & Pick<FakeTrainings, 'start'> = {
    dir: join(folder, 'jobs'),
    start: trainings.start,
  };
  const store = join(folder, 'store');
  server = await openServer({ base: join(golden, 'model'), servedName: 'base', store, jobs, threads: 1, port: 0 });
  return server.url;
}

async function json<T>(url: string, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(url, init);
  expect(answer.status).toBe(200);
  return (await answer.json()) as T;
}

async function createJob(url: string, headers: Record<string, string>): Promise<string> {
  const form = new FormData();
  form.append('purpose', 'fine-tune');
  form.append('file', new Blob(['{"input_ids":[1,2,3]}\n']), 'rows.jsonl');
  const file = await json<{ id: string }>(`${url}/v1/files`, {
    method: 'POST',
    body: form,
    headers: { 'x-espalier-upload': '1' },
  });
  const body = JSON.stringify({ model: 'base', training_file: file.id });
  const init = { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } };
  return (await json<{ id: string }>(`${url}/v1/fine_tuning/jobs`, init)).id;
}

/** Lets a training end with the golden adapter, and gives the name under which it is served. */
async function finish(url: string, id: string, training: FakeTrainings['all'][number] | undefined): Promise<string> {
  await cp(join(golden, 'trained'), training?.option('--output') ?? '', { recursive: true });
  await training?.finish();
  const job = (): Promise<{ status: string; fine_tuned_model: string }> => json(`${url}/v1/fine_tuning/jobs/${id}`);
  await vi.waitFor(async () => expect((await job()).status).toBe('succeeded'), patience);
  return (await job()).fine_tuned_model;
}

it('the check, the publication and the attachment of what a job made belong to the trace of its request', async () => {
  const trainings = new FakeTrainings();
  const first = await open(trainings);
  const id = await createJob(first, { traceparent });
  await vi.waitFor(() => expect(trainings.all).toHaveLength(1), patience);
  // WHY: the trace is that of the record, and not one that the process remembers.
  const closing = server?.close();
  await vi.waitFor(() => expect(trainings.all[0]?.asked).toContain('stop'), patience);
  trainings.all[0]?.exit(130);
  await closing;
  const url = await open(trainings);
  await vi.waitFor(() => expect(trainings.all).toHaveLength(2), patience);
  const name = await finish(url, id, trainings.all[1]);
  const asked = JSON.stringify({ model: name, prompt: [1, 2], max_tokens: 1 });
  const headers = { 'content-type': 'application/json' };
  await json(`${url}/v1/completions`, { method: 'POST', body: asked, headers });
  await server?.close();
  server = undefined;

  const of = (wanted: string, parent?: ReceivedSpan): readonly ReceivedSpan[] =>
    receiver.spans.filter((span) => span.name === wanted && (parent === undefined || span.traceId === parent.traceId));
  const [request] = of('POST /v1/fine_tuning/jobs');
  expect(request).toMatchObject({ traceId, parentSpanId: callerSpan });
  const steps = ['adapter.verify', 'adapter.publish', 'device.attach'].map((one) => of(one, request));
  for (const found of [of('fine_tuning.job'), ...steps]) {
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ traceId, parentSpanId: request?.spanId, isError: false });
  }
  const [verify, publish, attach] = steps.map(([span]) => span);
  const linked = (span: ReceivedSpan | undefined): unknown[] => span?.links.map(({ spanId }) => spanId) ?? [];
  expect([publish, attach].map(linked)).toEqual([[verify?.spanId], [verify?.spanId]]);
  expect(attach?.attributes['device.id']).toBe(name);
  const [generation] = of(`text_completion base:${name}`);
  expect(generation?.traceId).not.toBe(traceId);
  expect(linked(generation)).toEqual([verify, publish, attach].map((span) => span?.spanId));
  expect(await readFile(join(folder, 'jobs', 'jobs', id, 'job.json'), 'utf8')).toContain(request?.spanId);
}, 60_000);
