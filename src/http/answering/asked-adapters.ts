import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
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
