import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Cause } from '../../core/index.ts';
import { holderOf } from '../keys/key-holder.ts';
import { sentKey } from '../keys/sent-key.ts';

/**
 * Who makes a change, for the history and for events: the key by its name, or else by the beginning of its hash, so that keys can be told
 * apart and none is written down; without a key the address.
 */
export function causeOf(request: FastifyRequest, reason: string | undefined): Cause {
  const { name } = holderOf(request);
  if (name !== undefined) return { actor: `key ${name}`, reason };
  const sent = sentKey(request.headers);
  const actor = sent.kind === 'key' ? `key ${hashOf(sent.key).slice(0, 8)}` : `address ${request.ip}`;
  return { actor, reason };
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
