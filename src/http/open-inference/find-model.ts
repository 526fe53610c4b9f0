import { EspalierError, nearest } from '../../core/index.ts';
import { type Scope, seesAdapter } from '../keys/scope.ts';
import type { InferenceContext, InferenceEntry } from '../../service/index.ts';

/** The only version of every model. To serve another model under the same name, the server must be restarted. */
export const modelVersion = '1';

export interface ModelPath {
  readonly name: string;
  readonly version?: string;
}

/** A model, and its adapter if the name contains one (`model:adapter`). */
export interface FoundModel extends InferenceEntry {
  readonly adapter: string | undefined;
}

/**
 * Resolves the name in a path, if the key may see it. The base never answers in place of an adapter that is not loaded.
 * @param scope  the names that the key may see
 * @throws EspalierError MODEL_NOT_FOUND, MODEL_VERSION_NOT_FOUND
 */
export function findModel(context: InferenceContext, { name, version }: ModelPath, scope: Scope): FoundModel {
  const { models } = context;
  const [entry, adapter] = split(models, name);
  const isSeen = entry !== undefined && seesModel(context, scope, { model: entry.model.name, adapter });
  const isServed = isSeen && (adapter === undefined || entry.registry?.has(adapter) === true);
  if (entry === undefined || !isServed) throw unknownModel(models, name);
  if (version !== undefined && version !== modelVersion) {
    throw new EspalierError('MODEL_VERSION_NOT_FOUND', { model: name, version, known: modelVersion });
  }
  return { ...entry, adapter };
}

/** Whether a scope has a model, or one of its adapters. */
export function seesModel(
  { baseName }: Pick<InferenceContext, 'baseName'>,
  scope: Scope,
  { model, adapter }: { readonly model: string; readonly adapter: string | undefined },
): boolean {
  if (adapter === undefined) return scope.sees(model);
  return seesAdapter(scope, { model, adapter, isBase: model === baseName });
}

/** Adapters of a model that are compared with a misspelt name. */
const compared = 100;

function unknownModel(models: InferenceContext['models'], name: string): EspalierError {
  const known = [...models].flatMap(([model, { adapters }]) => {
    return [model, ...(adapters?.list().slice(0, compared) ?? []).map((served) => `${model}:${served.name}`)];
  });
  const near = nearest(name, known);
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
  return new EspalierError('MODEL_NOT_FOUND', { model: name, hint });
}

/** WHY the whole name first: the name of a model may contain a colon. */
function split(
  models: InferenceContext['models'],
  name: string,
): [entry: InferenceEntry | undefined, adapter: string | undefined] {
  const whole = models.get(name);
  const colon = name.indexOf(':');
  if (whole !== undefined || colon < 0) return [whole, undefined];
  return [models.get(name.slice(0, colon)), name.slice(colon + 1)];
}
