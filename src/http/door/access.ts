import type { FastifyInstance } from 'fastify';

/**
 * Who may use a route. `public`: everyone, without a key. `inference`: holders of a key for models. `read`: holders of a key for
 * looking, because the route tells how the server fares and what it did. `admin`: holders of a key for administration, because the route
 * changes what is served.
 */
export type Access = 'public' | 'inference' | 'read' | 'admin';

/**
 * `unknown` is the level of a request that matches no route. It needs a key if one is set, so that nobody can find the routes without a
 * key.
 */
export type RequestAccess = Access | 'unknown';

/** The kind of body that a route reads: only JSON, JSON and tensors as bytes, or files in parts. */
export type BodyKind = 'json' | 'tensors' | 'parts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route must declare its level; the application refuses a route that does not. */
    access?: Access;
    /** Instead of a level: the methods that the path of this route takes. This route only says so. */
    allow?: readonly string[];
    /** Default: JSON. */
    body?: BodyKind;
    /** Whether the base computes its answers. Default: no. */
    needsBase?: boolean;
    /**
     * Whether the route takes and tells only names that the key may see. Default: no; a key for some names only is refused then. Routes
     * below `/v1/adapters/:name` need not say it, because the guard checks the name.
     */
    keepsToNames?: boolean;
    /** Tokens of the context of which the body holds a prompt. Absent: the body holds none. */
    contextTokens?: number;
  }
  interface FastifyInstance {
    /** Every registered route with its level. Complete when the application is ready. */
    readonly routeTable: readonly RouteEntry[];
  }
}

export interface RouteEntry {
  readonly method: string;
  readonly url: string;
  readonly access: Access;
}

/** A route of administration gets names and paths. */
const adminBodyBytes = 2 ** 16;

const levels: ReadonlySet<string> = new Set<Access>(['public', 'inference', 'read', 'admin']);

/**
 * Bounds the bodies of administration, and makes the registration of a route fail if the route does not declare who may use it. WHY at the registration: a forgotten declaration
 * must be found by the first test, and not by an attacker.
 */
export function requireAccess(app: FastifyInstance): void {
  const table: RouteEntry[] = [];
  app.decorate('routeTable', table);
  app.addHook('onRoute', (route) => {
    const { method, url, config } = route;
    if (config?.allow !== undefined) return;
    const access = config?.access;
    if (access === undefined || !levels.has(access)) {
      throw new TypeError(`The route ${String(method)} ${url} must say its access: ${[...levels].join(', ')}.`);
    }
    if (access === 'admin') route.bodyLimit ??= adminBodyBytes;
    for (const one of [method].flat()) table.push({ method: one, url, access });
  });
}
