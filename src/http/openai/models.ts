import type { FastifyInstance } from 'fastify';
import type { ServedAdapter } from '../../routing/index.ts';
import { EspalierError } from '../../core/index.ts';
import { maxParamLength } from '../door/error-answer.ts';
import type { ModelCard } from './served-models.ts';
import type { BaseContext } from '../../service/index.ts';

/** `GET /v1/models` and `GET /v1/models/{id}`: the base and its adapters, whose `parent` is the base. */
export function addModels(app: FastifyInstance, context: BaseContext): void {
  let told: { readonly of: readonly ServedAdapter[]; readonly body: Buffer } | undefined;
  app.get('/v1/models', { config: { access: 'inference' } }, (_request, reply) => {
    const of = context.adapters.list();
    // WHY cached: with a thousand adapters, writing the bytes takes longer than everything else, and they change only with the list.
    if (told?.of !== of) told = { of, body: Buffer.from(JSON.stringify({ object: 'list', data: cards(context) })) };
    return reply.type('application/json; charset=utf-8').send(told.body);
  });
  // WHY two: clients write the slash of org/name as it is, or as %2F.
  for (const url of ['/v1/models/:id', '/v1/models/*']) {
    app.get<{ Params: { id: string } | { '*': string } }>(url, { config: { access: 'inference' } }, ({ params }) => {
      const id = 'id' in params ? params.id : params['*'];
      // WHY here: the router takes a name that is too long for `:id` to the second route.
      if (id.length > maxParamLength) throw new EspalierError('URL_TOO_LONG', { limit: maxParamLength });
      context.router.assertKnown(id);
      return cards(context).find((card) => card.id === id) ?? failureOf(context, id);
    });
  }
}

function cards(context: BaseContext): ModelCard[] {
  const common = { object: 'model', owned_by: 'espalier', max_model_len: context.maxLength } as const;
  return [
    { id: context.baseName, created: context.created, root: context.baseDirectory, parent: null, ...common },
    ...servedOf(context).map(({ name, version, path, created }) => ({
      id: name,
      created,
      root: path,
      parent: context.baseName,
      ...(version === undefined ? {} : { version }),
      ...common,
    })),
  ];
}

/** WHY without failed adapters: the list contains the names that requests can use. */
function servedOf({ adapters }: BaseContext): readonly ServedAdapter[] {
  return adapters.list().filter(({ state }) => state !== 'failed');
}

/** @throws EspalierError ADAPTER_NOT_SERVED */
function failureOf({ adapters }: BaseContext, name: string): never {
  const problem = adapters.list().find((adapter) => adapter.name === name)?.problem ?? 'it is gone';
  throw new EspalierError('ADAPTER_NOT_SERVED', { name, problem });
}
