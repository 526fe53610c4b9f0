import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeTrainings } from '../../jobs/testing/fake-trainings.ts';
import type { BaseModel } from '../../models/index.ts';
import { AdapterRegistry, createAdapterControl } from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { openTracing } from '../../telemetry/index.ts';
import { receiveTraces, type TraceReceiver } from '../../telemetry/testing/trace-receiver.ts';
import { createApp } from '../app.ts';
import { openJobs } from '../fine-tuning/open-jobs.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { RequestTraces } from './trace-requests.ts';

const [traceId, callerSpan] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
/** WHY so patient: other tests keep the cores busy. */
const patience = 20_000;

let dir: string;
let receiver: TraceReceiver;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  receiver = await receiveTraces();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.endpoint);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await receiver[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** A server with jobs whose trainings do what the test says. Its store has one version, which is what every folder holds. */
async function open() {
  const tracing = await openTracing('1.0.0');
  if (tracing === undefined) throw new Error('traces are off');
  const trainings = new FakeTrainings();
  const registry = new AdapterRegistry(new FakeArena(), { memory: 1e9 });
  const store = new FakeStore(['v1'], { put: () => Promise.resolve({ digest: 'v1' }) });
  const control = createAdapterControl({ registry, baseName: 'base', store });
  const context = { ...fakeContext(), control, rollouts: undefined };
  const settings = { dir: join(dir, 'jobs'), start: trainings.start };
  const base = { base: {} as BaseModel, path: '/base' };
  const jobs = await openJobs({ settings, base, chatTemplate: undefined, generation: { context }, tracing });
  if (jobs === undefined) throw new Error('jobs are off');
  await jobs.begin();
  const app = createApp(context, { generation: context, jobs }, { traces: new RequestTraces(tracing) });
  const close = async (): Promise<void> => {
    await app.close();
    await jobs[Symbol.asyncDispose]();
    await tracing[Symbol.asyncDispose]();
    registry.dispose();
  };
  return { app, jobs, trainings, close };
}

it('a job, and the adapter that it makes, belong to the trace of the request that made the job', async () => {
  const { app, jobs, trainings, close } = await open();
  const rows = join(jobs.staging, 'rows');
  await writeFile(rows, '{"input_ids":[1,2,3]}\n');
  const { id: file } = await jobs.files.put({ path: rows, filename: 'rows.jsonl', owner: null });
  const answer = await app.inject({
    method: 'POST',
    url: '/v1/fine_tuning/jobs',
    headers: { traceparent: `00-${traceId}-${callerSpan}-01` },
    payload: { model: 'base', training_file: file },
  });
  const { id } = answer.json<{ id: string }>();
  await vi.waitFor(() => expect(trainings.all).toHaveLength(1), patience);
  await trainings.all[0]?.finish();
  await vi.waitFor(() => expect(jobs.find(id)?.status).toBe('succeeded'), patience);
  const kept = JSON.parse(await readFile(join(dir, 'jobs', 'jobs', id, 'job.json'), 'utf8')) as { trace: string };
  await close();

  const named = (name: string) => receiver.spans.find((span) => span.name === name);
  const request = named('POST /v1/fine_tuning/jobs');
  expect(request).toMatchObject({ traceId, parentSpanId: callerSpan });
  // WHY kept: a server that is started again goes on with the job.
  expect(kept.trace).toBe(`00-${traceId}-${request?.spanId}-01`);
  const job = named('fine_tuning.job');
  for (const span of [job, named('device.attach')]) {
    expect(span).toMatchObject({ traceId, parentSpanId: request?.spanId, isError: false });
  }
  const states = receiver.spans.filter(({ parentSpanId }) => parentSpanId === job?.spanId).map(({ name }) => name);
  expect(states).toEqual(['job.validating_files', 'job.queued', 'job.running']);
}, 60_000);
