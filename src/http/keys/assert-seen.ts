import type { FastifyRequest } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { isAdapterName, parseModel } from '../../routing/index.ts';
import { holderOf } from './key-holder.ts';
import { type ModelAdapter, seesAdapter } from './scope.ts';

/**
 * Refuses a model whose name the key may not see, as one that is not served. WHY before the name is looked for: the answer, and how
 * long it takes, then cannot depend on whether it is served. The hint is added where errors are answered.
 *
 * @throws EspalierError MODEL_NOT_FOUND
 */
export function assertSeen(request: FastifyRequest, model: string): void {
  const { scope } = holderOf(request);
  const { servedBase } = request.server;
  const { name } = parseModel(model, servedBase);
  if (seesAdapter(scope, { model: servedBase, adapter: name, isBase: true })) return;
  throw new EspalierError('MODEL_NOT_FOUND', { model, hint: '' });
}

/** The same for the name of an adapter. @throws EspalierError ADAPTER_NOT_FOUND */
export function assertSeenAdapter(request: FastifyRequest, name: string): void {
  if (!holderOf(request).scope.sees(name)) throw new EspalierError('ADAPTER_NOT_FOUND', { name, hint: '' });
}

/**
 * Refuses a name under which the key may not load an adapter, and a path that is not the folder of such a name: a key must not bring the
 * adapters of others under its own names.
 *
 * @param model  the model that gets the adapter; undefined: the base
 * @throws EspalierError NAME_OUTSIDE_KEY
 */
export function assertLoadable(
  request: FastifyRequest,
  name: string,
  path?: string,
  model?: Omit<ModelAdapter, 'adapter'>,
): void {
  const { scope } = holderOf(request);
  if (scope.isAll) return;
  const sees = (adapter: string): boolean =>
    model === undefined ? scope.sees(adapter) : seesAdapter(scope, { ...model, adapter });
  if (!sees(name)) throw new EspalierError('NAME_OUTSIDE_KEY', { what: 'name', name });
  if (path === undefined || (isAdapterName(path) && sees(path))) return;
  throw new EspalierError('NAME_OUTSIDE_KEY', { what: 'path', name: path });
}
