import type { FastifyRequest } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { sentKey } from '../keys/sent-key.ts';
import { hashOf } from './change-cause.ts';

/** As many as any client's identifiers have. */
const longest = 255;

/**
 * Reads the `Idempotency-Key` of a request. Clients with different keys for the API never meet under one, in whichever header they send them.
 * @throws EspalierError REQUEST_INVALID
 */
export function readIdempotencyKey({ headers }: FastifyRequest): string | undefined {
  const given = headers['idempotency-key'];
  if (given === undefined) return undefined;
  if (typeof given !== 'string' || !/^[\x21-\x7e][\x20-\x7e]*$/.test(given) || given.length > longest) {
    const problem = `1 to ${longest} printable ASCII characters are expected`;
    throw new EspalierError('REQUEST_INVALID', { param: 'Idempotency-Key', problem });
  }
  const sent = sentKey(headers);
  return hashOf(JSON.stringify([sent.kind === 'key' ? sent.key : '', given]));
}
