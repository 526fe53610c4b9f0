import type { FastifyInstance, FastifyRequest } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { parseBody } from '../door/parse-body.ts';
import { inputItemsPage, pageSchema } from './input-items-page.ts';
import { ownerOf } from './response-owner.ts';
import type { FoundResponse, ResponseStore } from './store/response-store.ts';

interface OfResponse {
  readonly Params: { readonly id: string };
  readonly Querystring: Readonly<Record<string, unknown>>;
}

const config = { access: 'inference', keepsToNames: true } as const;

/** The routes of responses that are kept: to read one, to list what its request had sent, to drop one, and to say that none is under way. */
export function addKeptResponses(app: FastifyInstance, store: ResponseStore): void {
  const find = (request: FastifyRequest<OfResponse>): FoundResponse => {
    const { id } = request.params;
    const found = store.find(ownerOf(request), id);
    if (found === undefined) throw new EspalierError('RESPONSE_NOT_FOUND', { id });
    return found;
  };
  app.get<OfResponse>('/v1/responses/:id', { config }, (request) => {
    refuseStream(request.query);
    return find(request).kept.response;
  });
  app.get<OfResponse>('/v1/responses/:id/input_items', { config }, (request) => {
    return inputItemsPage(find(request).kept.input, parseBody(pageSchema, request.query));
  });
  app.delete<OfResponse>('/v1/responses/:id', { config }, (request) => {
    const { id } = request.params;
    if (!store.drop(ownerOf(request), id)) throw new EspalierError('RESPONSE_NOT_FOUND', { id });
    return { id, object: 'response', deleted: true };
  });
  app.post<OfResponse>('/v1/responses/:id/cancel', { config }, (request) => {
    find(request);
    throw new EspalierError('RESPONSE_NOT_CANCELLABLE', { id: request.params.id });
  });
}

/** @throws EspalierError REQUEST_UNSUPPORTED */
function refuseStream({ stream }: OfResponse['Querystring']): void {
  if (stream === undefined || stream === 'false') return;
  const problem = 'a response is kept whole; leave it out, and read the response at once';
  throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'stream', problem });
}
