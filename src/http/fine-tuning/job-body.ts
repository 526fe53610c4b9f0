import { z } from 'zod';
import { isFields, type Fields } from '../../chat/index.ts';
import { EspalierError } from '../../core/index.ts';
import { metadata, nameInRequest } from '../openai/request-body.ts';

const orAuto = (value: z.ZodNumber): z.ZodUnion<readonly [z.ZodLiteral<'auto'>, z.ZodNumber]> =>
  z.union([z.literal('auto'), value]);

const hyperparameters = z.strictObject({
  n_epochs: orAuto(z.number().int().min(1).max(1000)).default('auto'),
  batch_size: orAuto(z.number().int().min(1).max(1024)).default('auto'),
  learning_rate_multiplier: orAuto(z.number().positive().max(1000)).default('auto'),
});

const fileId = z.string().min(1).max(128);

/** The fields of `POST /v1/fine_tuning/jobs`. The last two are Espalier's own. */
export const createJobSchema = z.strictObject({
  model: nameInRequest,
  training_file: fileId,
  validation_file: fileId.nullish(),
  hyperparameters: hyperparameters.nullish(),
  method: z
    .strictObject({
      type: z.literal('supervised'),
      supervised: z.strictObject({ hyperparameters: hyperparameters.nullish() }).nullish(),
    })
    .nullish(),
  suffix: z.string().max(64).nullish(),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .nullish(),
  metadata: metadata.nullish(),
  integrations: z.array(z.unknown()).max(0).nullish(),
  adapter: z.string().min(1).max(128).nullish(),
  rollout: z.enum(['immediate', 'progressive']).nullish(),
});

export type CreateJobBody = z.output<typeof createJobSchema>;
export type Hyperparameters = z.output<typeof hyperparameters>;

/** Refuses by name what OpenAI's API takes and this server does not. @throws EspalierError REQUEST_UNSUPPORTED */
export function refuseOtherMethods({ method, integrations }: Fields): void {
  const type = isFields(method) ? method['type'] : undefined;
  if (typeof type === 'string' && type !== 'supervised') {
    const problem = `${JSON.stringify(type.slice(0, 40))} is no method here; send "supervised", or leave it out`;
    throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'method.type', problem });
  }
  if (Array.isArray(integrations) && integrations.length > 0) {
    const problem =
      'results are sent to no other service; read the events of the job, or have its states told by webhooks';
    throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'integrations', problem });
  }
}

/** @throws EspalierError REQUEST_INVALID if they are there twice */
export function hyperparametersOf({ hyperparameters: own, method }: CreateJobBody): Hyperparameters {
  const inside = method?.supervised?.hyperparameters;
  if (own && inside) {
    const problem = 'they are in method too; send them once';
    throw new EspalierError('REQUEST_INVALID', { param: 'hyperparameters', problem });
  }
  return inside ?? own ?? hyperparameters.parse({});
}
