import { EspalierError, nearest } from '../../core/index.ts';

/** A row of `GET /v1/models`; `root` and `parent` are vLLM's words. */
export interface ModelCard {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: 'espalier';
  readonly root: string;
  readonly parent: string | null;
  /** Content id of the adapter's version: it changes when the adapter is replaced. */
  readonly version?: string;
  readonly max_model_len: number;
}

/** Which weights answer: the base alone, or an adapter on it. */
export interface ModelChoice {
  readonly adapters: readonly { readonly name: string }[];
}

/**
 * Resolves the request's `model`. The base never answers in the place of an adapter that is not there.
 * @throws EspalierError MODEL_NOT_FOUND with the names that are served
 */
export function chooseModel(model: string, base: string, adapters: readonly string[]): ModelChoice {
  if (model === base) return { adapters: [] };
  if (adapters.includes(model)) return { adapters: [{ name: model }] };
  const known = [base, ...adapters];
  const near = nearest(model, known);
  throw new EspalierError('MODEL_NOT_FOUND', {
    model,
    hint: near === undefined ? '' : ` (did you mean ${near}?)`,
    known,
  });
}
