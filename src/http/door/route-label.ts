import type { FastifyRequest } from 'fastify';

/** The pattern of the route that a request met, or `unknown`. WHY not its path: that is any text that a client sends. */
export function routeLabel({ is404, routeOptions }: Pick<FastifyRequest, 'is404' | 'routeOptions'>): string {
  return is404 ? 'unknown' : (routeOptions.url ?? 'unknown');
}
