import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { type MixedAdapter, parseModel } from '../../routing/index.ts';
import type { AskedModel } from '../../answering/index.ts';
import type { ServingContext } from '../../service/index.ts';
import { assertSeen } from '../keys/assert-seen.ts';

/** Many times more than are of use in one answer. */
const maxAdapters = 16;
const longestName = 512;

const name = z.string().min(1).max(longestName);
const scale = z.number().min(-1000).max(1000);

/** The fields by which clients of llama.cpp and LoRAX choose adapters for one request. */
export const adapterFields = {
  /** As llama.cpp has it, with names in the place of numbers. */
  lora: z
    .array(
      z
        .looseObject({ id: name.nullish(), name: name.nullish(), scale: scale.nullish() })
        .refine((one) => (one.id ?? undefined) !== undefined || (one.name ?? undefined) !== undefined, {
          path: ['name'],
          error: 'the name of an adapter is expected; ids are names here',
        }),
    )
    .max(maxAdapters)
    .nullish(),
  /** As LoRAX has them. */
  adapter_id: name.nullish(),
  adapter_parameters: z
    .looseObject({
      ids: z.array(name).min(1).max(maxAdapters),
      weights: z.array(scale),
      merge_strategy: z.literal('linear').nullish(),
    })
    .refine(({ ids, weights }) => ids.length === weights.length, {
      path: ['weights'],
      error: 'as many weights as ids are expected',
    })
    .nullish(),
};

/** A body with these fields. */
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

/**
 * Refuses names that the key may not see, and then those that are not served, before anything is done for the request.
 * @throws EspalierError MODEL_NOT_FOUND
 */
export function assertServed(
  request: FastifyRequest,
  { router }: Pick<ServingContext, 'router'>,
  { model, mixture }: AskedModel,
): void {
  const models = [model, ...(mixture ?? []).map((one) => one.model)];
  for (const one of models) assertSeen(request, one);
  for (const one of models) router.assertKnown(one);
}
