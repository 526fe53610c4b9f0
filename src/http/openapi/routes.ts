import type { FastifyInstance } from 'fastify';
import { openApiDocument } from './document.ts';
import { operations } from './operations.ts';

/** `GET /openapi.json`: the document of the routes that this server has. It is made at the first request. */
export function addOpenApi(app: FastifyInstance, version: string): void {
  let body: Buffer | undefined;
  app.get('/openapi.json', { config: { access: 'inference', keepsToNames: true } }, (_request, reply) => {
    body ??= Buffer.from(JSON.stringify(openApiDocument({ routes: app.routeTable, operations, version })));
    return reply.type('application/json; charset=utf-8').send(body);
  });
}
