import { describe, expect, it } from 'vitest';
import type { AdapterEvent } from '../../core/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { EndedSequence } from '../metrics/sources.ts';
import { adapterSpan, spanNameOf } from './adapter-span.ts';
import { sequenceSpan } from './request-span.ts';
import { parseTraceParent } from './trace-parent.ts';
import { readTraceSettings } from './trace-settings.ts';

describe('the variables of OpenTelemetry', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
  it.each([
    [{}, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, undefined],
    [endpoint, 'http/protobuf'],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'http/protobuf'],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://a/v1/traces' }, 'http/protobuf'],
    [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'http/json'],
    [
      { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
      'http/json',
    ],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }, undefined],
    [{ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, undefined],
  ])('%j: %s', (environment, protocol) => {
    expect(readTraceSettings(environment)?.protocol).toBe(protocol);
  });

  it.each([
    [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL'],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT'],
    [{ ...endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '/v1/traces' }, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'],
  ])('refuse %j by name', (environment, name) => {
    expect(() => readTraceSettings(environment)).toThrow(name);
  });

  it('refuse an endpoint without its password', () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'user:secret@collector:4318' };
    expect(() => readTraceSettings(environment)).toThrow(/OTEL_EXPORTER_OTLP_ENDPOINT(?!.*secret)/);
  });
});

describe('traceparent', () => {
  const [trace, span] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
  it.each([
    [`00-${trace}-${span}-01`, 1],
    [`00-${trace}-${span}-00`, 0],
    [`00-${trace}-${span}-03`, 1],
    [`cc-${trace}-${span}-01-later`, 1],
  ])('is read: %s', (header, traceFlags) => {
    expect(parseTraceParent(header)).toEqual({ traceId: trace, spanId: span, traceFlags });
  });

  it.each([
    undefined,
    '',
    `00-${trace}-${span}`,
    `00-${trace}-${span}-01-more`,
    `ff-${trace}-${span}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    [`00-${trace}-${span}-01`],
  ])('is none: %s', (header) => {
    expect(parseTraceParent(header)).toBeUndefined();
  });
});

describe('the span of a sequence', () => {
  const context = { operation: 'chat', baseName: 'base', timeOrigin: 1000 } as const;
  const ended: EndedSequence = {
    how: 'finished',
    isBackground: false,
    adapters: [],
    promptTokens: 5,
    cachedTokens: 2,
    generatedTokens: 3,
    times: { arrived: 0, admitted: 10, firstToken: 30, finished: 50 },
  };

  it('has the stages that it came to', () => {
    const stages = (times: EndedSequence['times']) =>
      sequenceSpan({ ...ended, times }, context).children?.map(({ name, start, end }) => `${name} ${start}-${end}`);
    expect(stages(ended.times)).toEqual(['queue 1000-1010', 'prefill 1010-1030', 'decode 1030-1050']);
    expect(stages({ arrived: 0, admitted: 10, finished: 20 })).toEqual(['queue 1000-1010', 'prefill 1010-1020']);
    expect(stages({ arrived: 0, finished: 20 })).toEqual(['queue 1000-1020']);
  });

  it('names the model more exactly than its base, and its version', () => {
    const adapters = [{ name: 'a', version: '0123456789abcdef', scale: 1 }];
    const { name, attributes } = sequenceSpan({ ...ended, adapters }, context);
    expect(name).toBe('chat base:a');
    expect(attributes['gen_ai.response.model']).toBe('base:a@0123456789ab');
  });

  it('says that the answer was streamed, and nothing of it where an encoder has read', () => {
    expect(sequenceSpan(ended, { ...context, isStreamed: true }).attributes['gen_ai.request.stream']).toBe(true);
    expect(sequenceSpan(ended, context).attributes).not.toHaveProperty('gen_ai.request.stream');
    const { name, attributes, children } = sequenceSpan(ended, { ...context, operation: 'embeddings' });
    expect([name, attributes['gen_ai.usage.input_tokens'], children]).toEqual(['embeddings base', 5, []]);
    expect(attributes).not.toHaveProperty('gen_ai.usage.output_tokens');
  });

  it('has the code of an error, and none of its text', () => {
    const error = new EspalierError('GENERATION_FAILED', { reason: 'secret text' });
    const span = sequenceSpan({ ...ended, how: 'failed', error }, context);
    expect(span.errorType).toBe('GENERATION_FAILED');
    expect(JSON.stringify(span)).not.toContain('secret');
    expect(sequenceSpan({ ...ended, how: 'cancelled', error: new Error('gone') }, context).errorType).toBeUndefined();
  });
});

describe('the span of an event', () => {
  const event = (rest: Partial<AdapterEvent>): AdapterEvent => {
    return { event: 'load', time: 5000, actor: 'key acme', result: 'done', name: 'a', version: 'v', ...rest };
  };
  it.each([
    ['load', 'device.attach', 'attached'],
    ['replace', 'device.attach', 'replaced'],
    ['rollback', 'device.attach', 'rolled_back'],
    ['unload', 'device.detach', 'detached'],
    ['verify', 'adapter.verify', undefined],
    ['publish', 'adapter.publish', undefined],
    ['rollout', 'rollout.step', undefined],
    ['breaker', 'adapter.breaker', undefined],
  ] as const)('%s is %s', (kind, name, lifecycle) => {
    const span = adapterSpan(event({ event: kind, durationMs: 40, details: { step: 2 } }));
    expect([span.name, span.attributes['device.lifecycle']]).toEqual([name, lifecycle]);
    expect([span.start, span.end]).toEqual([4960, 5000]);
    expect(span.attributes[`espalier.${kind}.step`]).toBe(2);
    expect(spanNameOf({ event: kind })).toBe(name);
  });

  it('names no caller', () => {
    expect(JSON.stringify(adapterSpan(event({ actor: 'address 10.0.0.7' })))).not.toContain('10.0.0.7');
    expect(JSON.stringify(adapterSpan(event({})))).not.toContain('acme');
  });
});
