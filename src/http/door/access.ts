import type { FastifyInstance } from 'fastify';

/**
 * Who may use a route. `public`: everybody, without a key. `inference`: who has the API key. `admin`: who has the key for
 * administration, because the route changes what is served.
 */
export type Access = 'public' | 'inference' | 'admin';

/** The level of a request that no route takes: it needs a key wherever one is set, so that nobody can list the routes without. */
export type RequestAccess = Access | 'unknown';

/** What a route takes as its body: JSON alone, or JSON and tensors as bytes. */
export type BodyKind = 'json' | 'tensors';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route must say its level; the application refuses a route that does not. */
    access?: Access;
    /** JSON by default. */
    body?: BodyKind;
  }
  interface FastifyInstance {
    /** Every route with its level, as far as it is registered: complete when the application is ready. */
    readonly routeTable: readonly RouteEntry[];
  }
}

export interface RouteEntry {
  readonly method: string;
  readonly url: string;
  readonly access: Access;
}

const levels: ReadonlySet<string> = new Set<Access>(['public', 'inference', 'admin']);

/**
 * Makes the registration of a route fail where the route does not say who may use it.
 * WHY at the registration: a route that is forgotten must be found by the first test, not by a stranger.
 */
export function requireAccess(app: FastifyInstance): void {
  const table: RouteEntry[] = [];
  app.decorate('routeTable', table);
  app.addHook('onRoute', ({ method, url, config }) => {
    const access = config?.access;
    if (access === undefined || !levels.has(access)) {
      throw new TypeError(`The route ${String(method)} ${url} must say its access: ${[...levels].join(', ')}.`);
    }
    for (const one of [method].flat()) table.push({ method: one, url, access });
  });
}
