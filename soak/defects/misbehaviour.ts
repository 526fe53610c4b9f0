import { EspalierError } from '../../src/core/index.ts';
import type { Engine } from '../../src/engine/index.ts';

type Request = Parameters<Engine['generate']>[0];
type Stream = ReturnType<Engine['generate']>;
type Generated = Awaited<ReturnType<Stream['next']>>['value'];

/** What goes wrong with one call of a version: it fails, gives no token, or takes so many times as long. */
export type Wrong = Error | 'hangs' | number;

/** @param call  how many calls of the version came before */
export type Misbehaviour = (call: number, request: Request) => Wrong | undefined;

/** What is seen of the version. */
export interface Misbehaved {
  calls: number;
}

/**
 * Lets one version misbehave in every run of an engine: for users, in shadow, anywhere. The engine itself, and all other versions, are as
 * they were.
 */
export function misbehave(engine: Engine, version: string, behave: Misbehaviour): Misbehaved & Disposable {
  const own = engine.generate.bind(engine);
  const counts = { calls: 0 };
  engine.generate = (request) => {
    if (request.adapters?.[0]?.lease.version.digest !== version) return own(request);
    const wrong = behave(counts.calls++, request);
    if (wrong === undefined) return own(request);
    if (typeof wrong === 'number') return slowed(own(request), wrong);
    return streamOf(() => failing(wrong, request.signal));
  };
  return Object.assign(counts, { [Symbol.dispose]: () => void Reflect.deleteProperty(engine, 'generate') });
}

export const broken = new EspalierError('GENERATION_FAILED', { reason: 'planted' });
export const notFinite = new EspalierError('LOGITS_NOT_FINITE', {});
export const ofAnotherBase = new EspalierError('ADAPTER_BASE_MISMATCH', {
  path: 'planted',
  trained: 'another',
  fingerprint: 'this one',
});

/** A stream that never gives a token. */
function streamOf(next: () => Promise<never>): Stream {
  const stream = { next, promptTokens: [], times: {}, adapters: [], generated: 0 };
  const end = (): Promise<{ done: true; value: undefined }> => Promise.resolve({ done: true, value: undefined });
  return { ...stream, return: end, [Symbol.asyncIterator]: () => ({ next, return: end }) } as unknown as Stream;
}

function failing(wrong: Error | 'hangs', signal: AbortSignal | undefined): Promise<never> {
  if (wrong instanceof Error) return Promise.reject(wrong);
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });
}

/** Holds every token back, and the end. */
function slowed(stream: Stream, factor: number): Stream {
  let addedMs = 0;
  async function* held(): AsyncGenerator<Generated> {
    let began = performance.now();
    const hold = async (): Promise<void> => {
      const ms = Math.max(1, (performance.now() - began) * (factor - 1));
      addedMs += ms;
      await new Promise((resolve) => setTimeout(resolve, ms));
      began = performance.now();
    };
    for await (const token of stream) {
      await hold();
      yield token;
    }
    await hold();
  }
  const tokens = held();
  Object.defineProperties(tokens, {
    promptTokens: { get: () => stream.promptTokens },
    generated: { get: () => stream.generated },
    times: {
      get: () => ({ ...stream.times, finished: stream.times.finished && stream.times.finished + addedMs }),
    },
  });
  return tokens as unknown as Stream;
}
