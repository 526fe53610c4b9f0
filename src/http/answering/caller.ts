import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../answering/index.ts';
import { cacheScopeOf, sharerOf } from '../keys/key-holder.ts';

/** OpenAI's identifiers have at most 64 characters. */
const longestUser = 128;

/** WHY cut: a key of any length would be hashed for each request. */
const longestKey = 512;

/**
 * What belongs together in a roll-out, so that one version answers it: a user, or a conversation. Claims of the client. WHY not its
 * address or its key: a whole service may have one of each, and a tenth of it must be able to meet the candidate.
 */
export function rolloutKeyOf(body: Readonly<Record<string, unknown>>): string | undefined {
  const key = [body['safety_identifier'], body['user'], body['prompt_cache_key']].find(
    (name) => typeof name === 'string' && name !== '',
  );
  return typeof key === 'string' ? key.slice(0, longestKey) : undefined;
}

/**
 * `user` is a claim of the client. It divides the share of its key or address, so a client that invents users takes nothing from others.
 *
 * @param body  of a request to OpenAI's API; `safety_identifier` has priority over `user`, its older name
 */
export function callerOf(
  request: Pick<FastifyRequest, 'keyHolder' | 'ip' | 'trace'>,
  body: Readonly<Record<string, unknown>>,
): Caller {
  const key = sharerOf(request);
  const user = [body['safety_identifier'], body['user']].find((name) => typeof name === 'string' && name !== '');
  const cacheScope = cacheScopeOf(key);
  return {
    key,
    ...(typeof user === 'string' && { user: user.slice(0, longestUser) }),
    ...(cacheScope !== undefined && { cacheScope }),
    ...(request.trace && { origin: request.trace }),
  };
}
