import type { FastifyInstance } from 'fastify';
import type { ModelCard } from './served-models.ts';
import type { BaseContext } from '../../service/index.ts';

/** `GET /v1/models` and `GET /v1/models/{id}`: the base and its adapters, whose `parent` is the base. */
export function addModels(app: FastifyInstance, context: BaseContext): void {
  app.get('/v1/models', { config: { access: 'inference' } }, () => ({ object: 'list', data: cards(context) }));
  app.get<{ Params: { id: string } }>('/v1/models/:id', { config: { access: 'inference' } }, (request) => {
    const { id } = request.params;
    context.router.assertKnown(id);
    return cards(context).find((card) => card.id === id);
  });
}

function cards(context: BaseContext): ModelCard[] {
  const common = { object: 'model', owned_by: 'espalier', max_model_len: context.maxLength } as const;
  return [
    { id: context.baseName, created: context.created, root: context.baseDirectory, parent: null, ...common },
    ...context.adapters.list().map(({ name, version, path, created }) => ({
      id: name,
      created,
      root: path,
      parent: context.baseName,
      ...(version === undefined ? {} : { version }),
      ...common,
    })),
  ];
}
