import { afterEach, describe, expect, it, vi } from 'vitest';
import { publishAdapterEvent } from '../../core/index.ts';
import { receiveTraces, type TraceReceiver } from '../testing/trace-receiver.ts';
import { openTracing } from './open-tracing.ts';
import type { TracedRequest, Tracing } from './tracing.ts';

afterEach(() => void vi.unstubAllEnvs());

const [traceId, callerSpan] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];

/** Writes traces as the variables say, to a receiver of its own. */
async function traced(
  { environment = {}, status }: { readonly environment?: Record<string, string>; readonly status?: number },
  use: (tracing: Tracing) => void,
): Promise<TraceReceiver & { readonly figures: ReturnType<Tracing['figures']> | undefined }> {
  await using receiver = await receiveTraces(status);
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.endpoint);
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const tracing = await openTracing('1.0.0');
  if (tracing !== undefined) use(tracing);
  await tracing?.[Symbol.asyncDispose]();
  return { ...receiver, figures: tracing?.figures() };
}

function ask(tracing: Tracing, given: Partial<TracedRequest> = {}): void {
  const of = { method: 'GET', route: '/v1/models', requestId: 'r', traceparent: undefined, operation: undefined };
  tracing.begin({ ...of, ...given }).end({ status: 200, isWhole: true });
}

describe('the variables of OpenTelemetry', () => {
  it('say who sends traces, and with which headers', async () => {
    const environment = {
      OTEL_SERVICE_NAME: 'scoring',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,team=a%2Cb,service.name=not%20this',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=risk,authorization=Basic%20abc',
    };
    const { resource, headers } = await traced({ environment }, (tracing) => ask(tracing));
    expect(resource).toMatchObject({ 'service.name': 'scoring', 'deployment.environment.name': 'prod', team: 'a,b' });
    expect(headers).toMatchObject({ 'x-tenant': 'risk', authorization: 'Basic abc' });
  });

  it.each([
    [undefined, ['none', 'written']],
    ['always_off', []],
    ['parentbased_always_off', ['written']],
    ['always_on', ['none', 'written', 'unwritten']],
  ])('say which traces are written: %s', async (sampler, expected) => {
    const environment = sampler === undefined ? {} : { OTEL_TRACES_SAMPLER: sampler };
    const { spans } = await traced({ environment }, (tracing) => {
      ask(tracing, { requestId: 'none' });
      ask(tracing, { requestId: 'written', traceparent: `00-${traceId}-${callerSpan}-01` });
      ask(tracing, { requestId: 'unwritten', traceparent: `00-${traceId}-${callerSpan}-00` });
    });
    expect(spans.map(({ attributes }) => attributes['espalier.request.id'])).toEqual(expected);
  });
});

describe('tracestate', () => {
  it('goes on in every span of the trace, and says nothing without a valid traceparent', async () => {
    const tracestate = 'vendor=abc,other=1';
    const { spans } = await traced({}, (tracing) => {
      const of = { method: 'POST', route: '/v1/adapters', requestId: 'r', operation: undefined, tracestate };
      const request = tracing.begin({ ...of, traceparent: `00-${traceId}-${callerSpan}-01` });
      tracing.during(request, () => publishAdapterEvent({ event: 'load', name: 'a', version: 'v' }));
      request.end({ status: 201, isWhole: true });
      tracing.begin({ ...of, traceparent: '00-0-0-01' }).end({ status: 201, isWhole: true });
    });
    expect(spans.map(({ name, traceState }) => [name, traceState])).toEqual([
      ['device.attach', tracestate],
      ['POST /v1/adapters', tracestate],
      ['POST /v1/adapters', ''],
    ]);
  });
});

describe('the span of a request', () => {
  it('ends when its answer has ended, and not when it is written', async () => {
    let ended = 0;
    const { spans } = await traced({}, (tracing) => {
      ask(tracing);
      ended = Date.now();
      // The writing is later, by the clock of spans too.
      while (Date.now() < ended + 5);
    });
    expect(Number((spans[0]?.end ?? 0n) / 1_000_000n)).toBeLessThanOrEqual(ended + 1);
  });
});

describe('what becomes of spans', () => {
  it('is counted, as they are made and sent', async () => {
    const { spans, figures } = await traced({}, (tracing) => {
      for (const traceparent of [undefined, `00-${traceId}-${callerSpan}-00`]) ask(tracing, { traceparent });
    });
    expect(figures).toEqual({ made: spans.length, sent: 1, failed: 0 });
  });

  it('is counted where the collector does not take them, and the server ends without an error', async () => {
    const { figures } = await traced({ status: 401 }, (tracing) => ask(tracing));
    expect(figures).toEqual({ made: 1, sent: 0, failed: 1 });
  });
});
