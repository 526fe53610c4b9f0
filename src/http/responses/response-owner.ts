import type { FastifyRequest } from 'fastify';
import { holderOf } from '../keys/key-holder.ts';

/**
 * Whose the responses of a request are: those of its key. Clients of a key without a name share them, and so do all clients of a server
 * without keys; an id cannot be guessed.
 */
export function ownerOf(request: Pick<FastifyRequest, 'keyHolder'>): string {
  const { name, roles } = holderOf(request);
  if (name !== undefined) return `key ${name}`;
  return roles.has('admin') ? 'the key for administration' : 'the key of all';
}
