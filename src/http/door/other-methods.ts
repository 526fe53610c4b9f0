import type { FastifyInstance } from 'fastify';

/**
 * Registers all other methods of every path that has a route, so that they are answered with the methods that the path takes
 * (METHOD_NOT_ALLOWED). Called after all routes. The guard refuses them, because they have no level of access.
 */
export function addOtherMethods(app: FastifyInstance): void {
  const allowed = new Map<string, Set<string>>();
  for (const { method, url } of app.routeTable) allowed.set(url, (allowed.get(url) ?? new Set()).add(method));
  for (const [url, methods] of allowed) {
    const allow = [...methods].toSorted();
    const method = app.supportedMethods.filter((one) => !methods.has(one));
    app.route({ method, url, config: { allow }, handler: () => undefined });
  }
}
