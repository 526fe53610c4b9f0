import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AdapterEvent, publishAdapterEvent } from '../../core/index.ts';
import type { EndedSequence } from '../metrics/sources.ts';
import { receiveTraces, type TraceReceiver } from '../testing/trace-receiver.ts';
import { openTracing } from './open-tracing.ts';
import { RolloutLinks } from './rollout-links.ts';

const step = (rollout: string, rest: Partial<AdapterEvent> = {}): AdapterEvent => ({
  event: 'rollout',
  time: 0,
  actor: 'rollout',
  result: 'done',
  name: 'a',
  version: 'candidate',
  previous: 'stable',
  details: { rollout },
  ...rest,
});

describe('the links of a step of a roll-out', () => {
  it('are the last requests of both versions since the step before', () => {
    const links = new RolloutLinks<number>();
    links.answered('stable', -1);
    expect(links.take(step('one'))).toEqual([]);
    for (let request = 0; request < 40; request++) links.answered('candidate', request);
    links.answered('stable', 40);
    links.answered('other', 41);
    expect(links.take(step('one', { event: 'breaker' }))).toEqual([]);
    expect(links.take(step('one'))).toEqual([...Array.from({ length: 16 }, (_, at) => 24 + at), 40]);
    expect(links.take(step('one'))).toEqual([]);
  });

  it('begin anew with another roll-out of the same versions, and end with a version', () => {
    const links = new RolloutLinks<number>();
    links.take(step('one'));
    links.answered('candidate', 1);
    expect(links.take(step('two'))).toEqual([]);
    links.answered('candidate', 2);
    links.answered('stable', 3);
    links.take(step('two', { event: 'retire' }));
    expect(links.take(step('two'))).toEqual([3]);
  });

  it('stay bounded', () => {
    const links = new RolloutLinks<number>();
    for (let at = 0; at < 3000; at++) {
      links.answered(`v${at}`, at);
      links.take(step(`r${at}`));
    }
    const taken = (at: number) => links.take(step('r2999', { version: `v${at}`, previous: 'none' }));
    expect([taken(1975), taken(1976), taken(2999)]).toEqual([[], [1976], [2999]]);
  });
});

describe('a span of a step of a roll-out', () => {
  let receiver: TraceReceiver;
  beforeEach(async () => {
    receiver = await receiveTraces();
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.endpoint);
    vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await receiver[Symbol.asyncDispose]();
  });

  it('is linked to the generations that the candidate answered, and of which the trace is written', async () => {
    const tracing = await openTracing('1.0.0');
    const about = { method: 'POST', route: '/v1/chat/completions', requestId: 'r', traceparent: undefined };
    const request = tracing?.begin({ ...about, operation: 'chat' });
    const sequence: EndedSequence = {
      how: 'finished',
      isBackground: false,
      adapters: [{ name: 'a', version: 'candidate', scale: 1 }],
      promptTokens: 5,
      cachedTokens: 0,
      generatedTokens: 3,
      times: { arrived: 0, admitted: 10, firstToken: 30, finished: 50 },
      origin: request,
    };
    const unwritten = tracing?.begin({
      ...about,
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`,
      operation: 'chat',
    });
    publishAdapterEvent(step('one'));
    tracing?.ended({ ...sequence, origin: unwritten }, 'base');
    tracing?.ended(sequence, 'base');
    publishAdapterEvent(step('one'));
    request?.end({ status: 200, isWhole: true });
    await tracing?.[Symbol.asyncDispose]();
    const steps = receiver.spans.filter(({ name }) => name === 'rollout.step');
    const generation = receiver.spans.find(({ name }) => name === 'chat base:a');
    const link = { traceId: request?.traceId, spanId: generation?.spanId, attributes: {} };
    expect(steps.map(({ links }) => links)).toEqual([[], [link]]);
  });
});
