import { EspalierError } from '../core/index.ts';
import { type MixedAdapter, parseModel } from '../routing/index.ts';
import type { GenerationRoute, ServingContext } from '../service/index.ts';

/** Who is to answer a request. */
export interface AskedModel {
  /** As the request gives it. */
  readonly model: string;
  /** The adapters whose updates are added up for it. undefined: what `model` names answers. */
  readonly mixture?: readonly MixedAdapter[] | undefined;
}

/** The fields by which a request names adapters: its model, as llama.cpp has them, and as LoRAX has them. */
export interface AdapterFields {
  readonly model: string;
  readonly lora?:
    | readonly { id?: string | null | undefined; name?: string | null | undefined; scale?: number | null | undefined }[]
    | null
    | undefined;
  readonly adapter_id?: string | null | undefined;
  readonly adapter_parameters?:
    | { readonly ids: readonly string[]; readonly weights: readonly number[] }
    | null
    | undefined;
}

/**
 * Reads which adapters a request asks for: `model`, or one of the fields of other servers beside a `model` that is the base or one of
 * them.
 * @throws EspalierError REQUEST_INVALID for two answers to that question
 */
export function askedModelOf(body: AdapterFields, baseName: string): AskedModel {
  const given = (['lora', 'adapter_id', 'adapter_parameters'] as const).filter(
    (field) => body[field] !== undefined && body[field] !== null,
  );
  const [field, other] = given;
  if (field === undefined) return { model: body.model };
  if (other !== undefined) throw conflict(other, `"${field}" names adapters too; send one of them`);
  const mixture = mixtureOf(body).filter((one) => one.scale !== 0);
  const nameOf = (model: string): string => parseModel(model, baseName).name;
  if (body.model !== baseName && !mixture.some(({ model }) => nameOf(model) === nameOf(body.model))) {
    throw conflict(field, '"model" names another adapter; name the base there, or one of these');
  }
  const [first, ...more] = mixture;
  const isAlone = more.length === 0 && first?.scale === 1;
  if (!isAlone && mixture.some(({ model }) => nameOf(model) === baseName)) {
    throw conflict(field, `"${baseName}" is the base, which answers in any case; name its adapters alone`);
  }
  if (first === undefined) return { model: baseName };
  return isAlone ? { model: first.model } : { model: body.model, mixture };
}

function mixtureOf({ lora, adapter_id: id, adapter_parameters: parameters }: AdapterFields): readonly MixedAdapter[] {
  if (typeof id === 'string') return [{ model: id, scale: 1 }];
  if (parameters) return parameters.ids.map((model, at) => ({ model, scale: parameters.weights[at] ?? 1 }));
  return (lora ?? []).map((one) => ({ model: one.id ?? one.name ?? '', scale: one.scale ?? 1 }));
}

function conflict(param: string, problem: string): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param, problem });
}

/** @throws EspalierError the errors of the router */
export function resolveAsked(
  { router }: Pick<ServingContext, 'router'>,
  { model, mixture }: AskedModel,
  key: string | undefined,
): Promise<GenerationRoute> {
  return mixture === undefined ? router.resolve(model, key) : router.resolveMixture(mixture);
}
