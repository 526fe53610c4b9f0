import type { FastifyRequest } from 'fastify';
import type { Quota } from './quota.ts';
import { defaultRoles, type Role } from './role.ts';
import { everyName, type Scope } from './scope.ts';

/** Who sends a request, as its key says. */
export interface KeyHolder {
  /** The name of the key. undefined: no key was needed, or it is one of the command line, which many clients share. */
  readonly name: string | undefined;
  readonly scope: Scope;
  readonly roles: ReadonlySet<Role>;
  /** What is left of the key's limits. Absent: it has none. */
  readonly quota?: Quota | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard. Read it with `holderOf`. */
    keyHolder: KeyHolder | undefined;
  }
}

/** The sender of a request that needs no key. */
export const anyone: KeyHolder = { name: undefined, scope: everyName, roles: defaultRoles };

const nobody: KeyHolder = { name: undefined, scope: { isAll: false, sees: () => false }, roles: new Set() };

/** WHY nobody by default: a request that no guard has seen may see nothing. */
export function holderOf({ keyHolder = nobody }: Pick<FastifyRequest, 'keyHolder'>): KeyHolder {
  return keyHolder;
}

/** By whom the engine's time is shared: the name of the key, or else the address, because clients share the key without a name. */
export function sharerOf(request: Pick<FastifyRequest, 'keyHolder' | 'ip'>): string {
  const { name } = holderOf(request);
  return name === undefined ? request.ip : `${namedKey}${name}`;
}

/** No address begins with this. */
const namedKey = 'key ';

/**
 * Who shares what was computed of prompts: the requests of one named key, and those without a named key. WHY not all: how fast an answer
 * begins, and its count of cached tokens, would tell the holder of one key what those of others have asked.
 */
export function cacheScopeOf(sharer: string): string | undefined {
  return sharer.startsWith(namedKey) ? sharer : undefined;
}
