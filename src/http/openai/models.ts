import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseModel, type ServedAdapter } from '../../routing/index.ts';
import { causeOf } from '../adapters/change-cause.ts';
import { assertSeen } from '../keys/assert-seen.ts';
import { problemFor } from '../keys/hide-names.ts';
import { holderOf } from '../keys/key-holder.ts';
import type { Scope } from '../keys/scope.ts';
import { EspalierError } from '../../core/index.ts';
import { maxParamLength } from '../door/error-answer.ts';
import type { ModelCard } from './served-models.ts';
import type { BaseContext } from '../../service/index.ts';

/**
 * `GET /v1/models` and `GET /v1/models/{id}`: the base and its adapters, whose `parent` is the base; `DELETE` takes the name of an adapter
 * out of service.
 */
export function addModels(app: FastifyInstance, context: BaseContext): void {
  // WHY cached: with a thousand adapters, writing the bytes takes longer than everything else, and they change only with the list.
  const lists = new WeakMap<Scope, { readonly of: readonly ServedAdapter[]; readonly body: Buffer }>();
  const config = { access: 'inference', keepsToNames: true } as const;
  app.get('/v1/models', { config }, (request, reply) => {
    const { scope } = holderOf(request);
    const of = context.adapters.list();
    let told = lists.get(scope);
    if (told?.of !== of) {
      told = { of, body: Buffer.from(JSON.stringify({ object: 'list', data: cards(context, scope) })) };
      lists.set(scope, told);
    }
    return reply.type('application/json; charset=utf-8').send(told.body);
  });
  // WHY two: clients write the slash of org/name as it is, or as %2F.
  for (const url of ['/v1/models/:id', '/v1/models/*']) {
    app.get<OfModel>(url, { config }, async (request) => {
      const id = idIn(request);
      context.router.assertKnown(id);
      return cardOf(context, holderOf(request).scope, id);
    });
    const { control } = context;
    if (control === undefined) continue;
    app.delete<OfModel>(url, { config: { access: 'admin', keepsToNames: true } }, async (request) => {
      const id = idIn(request);
      context.router.assertKnown(id);
      await control.remove(adapterIn(id, context), { cause: causeOf(request, undefined) });
      return { id, object: 'model', deleted: true };
    });
  }
}

interface OfModel {
  readonly Params: { readonly id: string } | { readonly '*': string };
}

/** @throws EspalierError URL_TOO_LONG, MODEL_NOT_FOUND for a name that the key may not see */
function idIn(request: FastifyRequest<OfModel>): string {
  const { params } = request;
  const id = 'id' in params ? params.id : params['*'];
  // WHY here: the router takes a name that is too long for `:id` to the second route.
  if (id.length > maxParamLength) throw new EspalierError('URL_TOO_LONG', { limit: maxParamLength });
  assertSeen(request, id);
  return id;
}

/** @throws EspalierError REQUEST_UNSUPPORTED */
function adapterIn(id: string, { baseName }: BaseContext): string {
  const { name, version } = parseModel(id, baseName);
  if (name !== baseName && version === undefined) return name;
  const problem = 'the name of an adapter can be deleted, and neither the base nor a single version';
  throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'model', problem });
}

/** The card of a name, or of one version of it, under the name that the request gives. */
async function cardOf(context: BaseContext, scope: Scope, id: string): Promise<ModelCard> {
  const { name, version } = parseModel(id, context.baseName);
  const card = cards(context, scope).find((one) => one.id === name) ?? failureOf(context, scope, name);
  if (version === undefined || card.version?.startsWith(version) === true) return { ...card, id };
  using route = await context.router.resolve(id);
  const [lease] = route.leases;
  if (lease === undefined) return failureOf(context, scope, name);
  const { digest, created } = lease.version;
  // WHY the name: the path of the card is that of another version.
  return { ...card, id, root: name, version: digest, created };
}

/** The cards of the names that a key may see. One for some names only gets no places on the disk, and no name of a base that it may not see. */
function cards(context: BaseContext, scope: Scope): ModelCard[] {
  const common = { object: 'model', owned_by: 'espalier', max_model_len: context.maxLength } as const;
  const rootOf = (name: string, path: string): string => (scope.isAll ? path : name);
  const { baseName } = context;
  const parent = scope.sees(baseName) ? baseName : null;
  const base = { id: baseName, created: context.created, root: rootOf(baseName, context.baseDirectory), parent: null };
  return [
    ...(parent === null ? [] : [{ ...base, ...common }]),
    ...servedOf(context)
      .filter(({ name }) => scope.sees(name))
      .map(({ name, version, path, created }) => ({
        id: name,
        created,
        root: rootOf(name, path),
        parent,
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
function failureOf({ adapters }: BaseContext, scope: Scope, name: string): never {
  const problem = adapters.list().find((adapter) => adapter.name === name)?.problem ?? 'it is gone';
  throw new EspalierError('ADAPTER_NOT_SERVED', { name, problem: problemFor(scope, problem) });
}
