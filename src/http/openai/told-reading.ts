import type { FastifyRequest } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import type { Route } from '../../routing/index.ts';
import type { EncoderEnd } from '../../service/index.ts';
import { CallerLeft } from '../door/caller-left.ts';

interface Reading {
  readonly route: Pick<Route, 'leases'>;
  /** Number of all tokens of the texts. */
  readonly tokens: number;
  /** Told of its end. */
  readonly onEnd: ((ended: EncoderEnd) => void) | undefined;
}

/**
 * Has an encoder read the texts of a request, and tells its end as that of a sequence is told, so that its series and its span are as
 * those of a generation. What the encoder refuses is not told: it was not read.
 */
export async function toldReading<T>(
  { trace }: Pick<FastifyRequest, 'trace'>,
  { route, tokens, onEnd }: Reading,
  read: () => Promise<T>,
): Promise<T> {
  const arrived = performance.now();
  const tell = (how: EncoderEnd['how'], error?: unknown): void => {
    const adapters = route.leases.map(({ alias, version }) => ({ name: alias, version: version.digest, scale: 1 }));
    const of = { promptTokens: tokens, cachedTokens: 0, generatedTokens: 0, isBackground: false };
    onEnd?.({ ...of, how, error, adapters, times: { arrived, finished: performance.now() }, origin: trace });
  };
  try {
    const result = await read();
    tell('finished');
    return result;
  } catch (error) {
    const isRefusal = EspalierError.isInstance(error) && (error.status < 500 || error.retryable);
    if (error instanceof CallerLeft) tell('cancelled');
    else if (!isRefusal) tell('failed', error);
    throw error;
  }
}
