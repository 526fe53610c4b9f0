import { afterEach, describe, expect, it, vi } from 'vitest';
import { EspalierError, publishAdapterEvent } from '../../core/index.ts';
import type { EndedSequence } from '../metrics/sources.ts';
import { receiveTraces } from '../testing/trace-receiver.ts';
import { openTracing } from './open-tracing.ts';

afterEach(() => void vi.unstubAllEnvs());

const caller = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const adapters = [{ name: 'a', version: 'v'.repeat(64), scale: 1 }];

/** Writes spans with values of every kind, links, a parent and an error, and gives what a receiver got. */
async function exported(environment: Readonly<Record<string, string>>) {
  await using receiver = await receiveTraces();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.endpoint);
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const tracing = await openTracing('1.0.0');
  const request = tracing?.begin({
    method: 'POST',
    route: '/v1/chat/completions',
    requestId: 'größer',
    traceparent: `00-${caller.traceId}-${caller.spanId}-01`,
    operation: 'chat',
  });
  const version = adapters[0]?.version ?? '';
  publishAdapterEvent({ event: 'load', name: 'a', version, durationMs: 3.5, details: { on: true, bytes: 2 ** 40 } });
  publishAdapterEvent({ event: 'fail', name: 'b', error: new EspalierError('JOB_NOT_FOUND', { id: 'x' }) });
  const ended: EndedSequence = {
    how: 'finished',
    isBackground: false,
    adapters,
    promptTokens: 5,
    cachedTokens: 0,
    generatedTokens: 3,
    times: { arrived: 0, admitted: 10, firstToken: 30.25, finished: 50 },
    asked: { temperature: 0.25, seed: -7 },
    finishReason: 'stop',
    origin: request,
  };
  tracing?.ended(ended, 'base');
  request?.end({ status: 503, isWhole: true });
  await tracing?.[Symbol.asyncDispose]();
  const { spans, contentTypes, resource } = receiver;
  return { spans, contentTypes: [...contentTypes], resource };
}

/** What does not differ from one run to another. */
function comparable({ spans, resource }: Awaited<ReturnType<typeof exported>>): unknown {
  const nameOf = (id: string): string => spans.find(({ spanId }) => spanId === id)?.name ?? id;
  const shown = spans.map(({ name, kind, parentSpanId, attributes, links, isError, start, end }) => {
    const linked = links.map((link) => [nameOf(link.spanId), link.attributes]);
    return { name, kind, parent: nameOf(parentSpanId), attributes, linked, isError, isInOrder: start <= end };
  });
  return { shown, service: resource['service.name'] };
}

describe('a receiver of OTLP', () => {
  it('gets the same by protobuf, which is the default, and by JSON', async () => {
    const json = await exported({ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' });
    const protobuf = await exported({ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' });
    const unnamed = await exported({ OTEL_EXPORTER_OTLP_PROTOCOL: '', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' });
    expect([json, protobuf, unnamed].map(({ contentTypes }) => contentTypes)).toEqual([
      ['application/json'],
      ['application/x-protobuf'],
      ['application/x-protobuf'],
    ]);
    expect(comparable(protobuf)).toEqual(comparable(json));
    expect(comparable(unnamed)).toEqual(comparable(json));
    const names = protobuf.spans.map(({ name }) => name);
    expect(names.toSorted()).toEqual([
      'POST /v1/chat/completions',
      'adapter.fail',
      'chat base:a',
      'decode',
      'device.attach',
      'prefill',
      'queue',
    ]);
  });

  it('gets every kind of value, whole', async () => {
    const { spans } = await exported({});
    const named = (name: string) => spans.find((span) => span.name === name);
    const [request, attach, generation] = ['POST /v1/chat/completions', 'device.attach', 'chat base:a'].map(named);
    expect(request).toMatchObject({ traceId: caller.traceId, parentSpanId: caller.spanId, kind: 2, isError: true });
    expect(request?.attributes['espalier.request.id']).toBe('größer');
    expect(attach?.attributes).toMatchObject({ 'espalier.load.on': true, 'espalier.load.bytes': 2 ** 40 });
    expect(Number((attach?.end ?? 0n) - (attach?.start ?? 0n))).toBe(3_500_000);
    expect(named('adapter.fail')).toMatchObject({ isError: true, attributes: { 'error.type': 'JOB_NOT_FOUND' } });
    expect(generation?.attributes).toMatchObject({
      'gen_ai.request.temperature': 0.25,
      'gen_ai.request.seed': -7,
      'gen_ai.response.time_to_first_chunk': 0.03025,
      'gen_ai.response.finish_reasons': ['stop'],
    });
    const attributes = { 'espalier.link.span': 'device.attach' };
    expect(generation?.links).toEqual([{ traceId: attach?.traceId, spanId: attach?.spanId, attributes }]);
  });

  it('by gRPC is refused by name before the server starts, and says what can be used', async () => {
    const names = ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'];
    for (const name of names) {
      const environment = { OTEL_TRACES_EXPORTER: 'otlp', [name]: 'grpc' };
      await expect(openTracing('1.0.0', environment)).rejects.toMatchObject({
        code: 'TRACES_UNSUPPORTED',
        message: expect.stringMatching(new RegExp(`${name}.*http/protobuf.*grpc`)) as string,
      });
    }
  });
});
