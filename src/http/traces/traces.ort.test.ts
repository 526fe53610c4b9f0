import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';
import { Series } from '../../telemetry/testing/series.ts';
import {
  type ReceivedLink,
  type ReceivedSpan,
  receiveTraces,
  type TraceReceiver,
} from '../../telemetry/testing/trace-receiver.ts';
import { openServer, type Server } from '../server.ts';

const golden = fileURLToPath(new URL('../../../test/golden/llama-d16', import.meta.url));
const traceId = '0af7651916cd43dd8448eb211c80319c';
const callerSpan = 'b7ad6b7169203331';

let folder: string;
let receiver: TraceReceiver;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  await cp(join(golden, 'adapter'), join(folder, 'adapters', 'fresh'), { recursive: true });
  await cp(join(golden, 'trained'), join(folder, 'adapters', 'versions', 'trained'), { recursive: true });
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

async function open(): Promise<string> {
  const adapters = join(folder, 'adapters');
  server = await openServer({ base: join(golden, 'model'), servedName: 'base', adapters, threads: 1, port: 0 });
  return server.url;
}

async function post(url: string, body: object, headers: Record<string, string> = {}): Promise<number> {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
  const answer = await fetch(url, init);
  await answer.text();
  return answer.status;
}

async function openStore(): Promise<string> {
  const store = join(folder, 'store');
  server = await openServer({ base: join(golden, 'model'), servedName: 'base', store, threads: 1, port: 0 });
  return server.url;
}

/** Sends an adapter to the store, to be served as `sent`. */
async function upload(url: string, headers: Record<string, string> = {}): Promise<void> {
  const form = new FormData();
  form.append('name', 'sent');
  form.append('publish', 'true');
  for (const file of ['adapter_config.json', 'adapter_model.safetensors']) {
    form.append('file', new Blob([await readFile(join(golden, 'trained', file))]), file);
  }
  const init = { method: 'POST', body: form, headers: { 'x-espalier-upload': '1', ...headers } };
  const answer = await fetch(`${url}/v1/adapters`, init);
  await answer.text();
  expect(answer.status).toBe(201);
}

const linkTo = (span: ReceivedSpan | undefined): ReceivedLink => ({
  traceId: span?.traceId ?? '',
  spanId: span?.spanId ?? '',
  attributes: { 'espalier.link.span': span?.name },
});

/** Ends the server, which sends what it has. */
async function spansAtEnd(): Promise<readonly ReceivedSpan[]> {
  await server?.close();
  server = undefined;
  return receiver.spans;
}

describe('traces', () => {
  it('follow a request of a traced caller through queue, prefill and decode', async () => {
    const url = await open();
    const secret = [1, 2, 3, 4, 5];
    const asked = { model: 'fresh', prompt: secret, max_tokens: 4, temperature: 0.5, ignore_eos: true };
    await post(`${url}/v1/completions`, asked, { traceparent: `00-${traceId}-${callerSpan}-01` });
    const spans = (await spansAtEnd()).filter((span) => span.traceId === traceId);
    const named = (name: string): ReceivedSpan => {
      const found = spans.find((span) => span.name === name);
      if (found === undefined) throw new RangeError(`no ${name} in ${spans.map((span) => span.name).join(', ')}`);
      return found;
    };
    const request = named('POST /v1/completions');
    const generation = named('text_completion base:fresh');
    expect(request.parentSpanId).toBe(callerSpan);
    expect(request.attributes).toMatchObject({ 'http.route': '/v1/completions', 'http.response.status_code': 200 });
    expect(generation.parentSpanId).toBe(request.spanId);
    expect(generation.attributes).toMatchObject({
      'gen_ai.operation.name': 'text_completion',
      'gen_ai.provider.name': 'espalier',
      'gen_ai.request.model': 'base:fresh',
      'gen_ai.request.max_tokens': 4,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.usage.input_tokens': 5,
      'gen_ai.usage.output_tokens': 4,
      'gen_ai.response.finish_reasons': ['length'],
    });
    const stages = ['queue', 'prefill', 'decode'].map(named);
    for (const stage of stages) expect(stage.parentSpanId).toBe(generation.spanId);
    expect([stages[0]?.start, stages[2]?.end]).toEqual([generation.start, generation.end]);
    expect([stages[1]?.start, stages[2]?.start]).toEqual([stages[0]?.end, stages[1]?.end]);
    expect(request.start).toBeLessThanOrEqual(generation.start);
    expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toMatch(/\[1,2,3,4,5\]|prompt"/);
    expect(receiver.resource).toMatchObject({ 'service.name': 'espalier' });
  });

  it('link a request to the attachment of the version that answered it', async () => {
    const url = await open();
    await post(`${url}/v1/load_lora_adapter`, { lora_name: 'late', lora_path: 'versions/trained' });
    await post(`${url}/v1/completions`, { model: 'late', prompt: [1, 2], max_tokens: 1 });
    const spans = await spansAtEnd();
    const attach = spans.find((span) => span.name === 'device.attach' && span.attributes['device.id'] === 'late');
    const change = spans.find((span) => span.name === 'POST /v1/load_lora_adapter');
    const generation = spans.find((span) => span.name === 'text_completion base:late');
    expect(attach?.attributes).toMatchObject({ 'device.lifecycle': 'attached', 'device.type': 'lora' });
    expect(attach?.parentSpanId).toBe(change?.spanId);
    expect(generation?.links).toEqual([linkTo(attach)]);
  });

  it('have the check and the publication of an upload in the trace of who sent it, and lead to them later', async () => {
    const url = await openStore();
    await upload(url, { traceparent: `00-${traceId}-${callerSpan}-01` });
    await post(`${url}/v1/completions`, { model: 'sent', prompt: [1, 2], max_tokens: 1 });
    const spans = await spansAtEnd();
    const [request, ...steps] = ['POST /v1/adapters', 'adapter.verify', 'adapter.publish', 'device.attach'].map(
      (name) => spans.find((span) => span.name === name),
    );
    const [verify, publish, attach] = steps;
    expect(request).toMatchObject({ traceId, parentSpanId: callerSpan });
    for (const step of steps) expect(step).toMatchObject({ traceId, parentSpanId: request?.spanId });
    for (const step of [publish, attach]) expect(step?.links).toEqual([linkTo(verify)]);
    const generation = spans.find(({ name }) => name === 'text_completion base:sent');
    expect(generation?.traceId).not.toBe(traceId);
    expect(generation?.links).toEqual(steps.map(linkTo));
  });

  it('lead from the requests that waited for the weights of a version to their reading, and from no others', async () => {
    await upload(await openStore());
    await server?.close();
    const url = await openStore();
    const ask = (seed: number) =>
      post(`${url}/v1/completions`, { model: 'sent', prompt: [1, 2], max_tokens: 1, seed, temperature: 1 });
    await Promise.all([ask(1), ask(2)]);
    await ask(3);
    const spans = await spansAtEnd();
    const linkedBy = (seed: number): readonly unknown[] => {
      const of = spans.find(({ attributes }) => attributes['gen_ai.request.seed'] === seed);
      return of?.links.map(({ attributes }) => attributes['espalier.link.span']) ?? [];
    };
    expect([1, 2, 3].map(linkedBy)).toEqual([
      ['device.attach', 'adapter.resident'],
      ['device.attach', 'adapter.resident'],
      ['device.attach'],
    ]);
  });

  it('tell of a request that failed, and begin a trace where the caller names none', async () => {
    const url = await open();
    await post(`${url}/v1/completions`, { model: 'nobody', prompt: [1] }, { traceparent: '00-0-0-01' });
    const [span] = (await spansAtEnd()).filter(({ name }) => name.startsWith('POST'));
    expect(span?.attributes['http.response.status_code']).toBe(404);
    expect([span?.parentSpanId, span?.isError]).toEqual(['', false]);
  });

  it('tell of a request whose caller went away', async () => {
    const url = await open();
    const leaving = new AbortController();
    const body = JSON.stringify({ model: 'base', prompt: [1], max_tokens: 120, ignore_eos: true, stream: true });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body, signal: leaving.signal });
    await answer.body?.getReader().read();
    leaving.abort();
    // WHY: a server that is closed before it has noticed ends the answer itself.
    const running = async (): Promise<number> =>
      new Series(await (await fetch(`${url}/metrics`)).text()).value('vllm:num_requests_running') ?? NaN;
    while ((await running()) > 0);
    const series = new Series(await (await fetch(`${url}/metrics`)).text());
    const of = { method: 'POST', route: '/v1/completions' };
    const counted = ['200', '499'].map((status) => series.value('espalier_http_requests_total', { ...of, status }));
    expect(counted).toEqual([undefined, 1]);
    const spans = await spansAtEnd();
    const request = spans.find(({ name }) => name === 'POST /v1/completions');
    const generation = spans.find(({ name }) => name === 'text_completion base');
    expect(request?.attributes).toMatchObject({ 'error.type': 'client_gone', 'http.response.status_code': 200 });
    expect(generation).toMatchObject({ parentSpanId: request?.spanId, isError: false });
    expect(generation?.attributes).toMatchObject({
      'espalier.sequence.outcome': 'cancelled',
      'gen_ai.request.stream': true,
    });
  });

  it('agree with the channel and the series over 300 plugs', async () => {
    const url = await open();
    // The adapter of the folder is read in the background; what is told of it before the count begins is in all three anyway.
    const heard: AdapterEvent[] = [];
    using _ = onAdapterEvent((event) => heard.push(event));
    const before = new Series(await (await fetch(`${url}/metrics`)).text());

    for (let i = 0; i < 150; i++) {
      const name = `plug-${i % 5}`;
      expect(await post(`${url}/v1/load_lora_adapter`, { lora_name: name, lora_path: 'versions/trained' })).toBe(200);
      expect(await post(`${url}/v1/unload_lora_adapter`, { lora_name: name })).toBe(200);
    }
    const after = new Series(await (await fetch(`${url}/metrics`)).text());
    const counted = [...heard];
    const spans = await spansAtEnd();
    const count = (name: string, id = 'plug-'): number =>
      spans.filter((span) => span.name === name && String(span.attributes['device.id']).startsWith(id)).length;
    for (const [event, span] of [
      ['load', 'device.attach'],
      ['unload', 'device.detach'],
    ] as const) {
      const labels = { event, result: 'done' };
      const series =
        (after.value('espalier_adapter_events_total', labels) ?? 0) -
        (before.value('espalier_adapter_events_total', labels) ?? 0);
      const channel = counted.filter((one) => one.event === event).length;
      expect({ event, channel, series, spans: count(span) }).toEqual({ event, channel: 150, series: 150, spans: 150 });
    }
  });

  it('are not written unless they are asked for', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', '');
    const url = await open();
    await post(`${url}/v1/completions`, { model: 'base', prompt: [1], max_tokens: 1 });
    expect(await spansAtEnd()).toEqual([]);
  });
});
