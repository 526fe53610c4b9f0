import { z } from 'zod';

export const apiVersion = 'espalier/v1alpha1';

const name = (text: string): z.ZodString =>
  z
    .string()
    .regex(/^[\w.-]{1,64}(\/[\w.-]{1,64})?$/)
    .describe(text);
const digest = (text: string): z.ZodString =>
  z
    .string()
    .regex(/^(sha256:)?[\da-f]{64}$/)
    .describe(text);
const labels = z.record(z.string().max(317), z.string().max(4096));
const seconds = z
  .number()
  .min(0)
  .max(365 * 86_400);
const share = z.number().min(0).max(1);

const step = z.strictObject({
  share: share.optional().describe('share of the keys that the new version answers'),
  mirror: share.optional().describe('share of the requests that the new version runs unseen'),
  minimumSeconds: seconds.optional().describe('the step lasts at least so long'),
  maximumSeconds: seconds.min(0.001).optional().describe('the step is held after this time without a verdict'),
  minimumSamples: z.int().min(20).max(1e9).optional().describe('calls that the step needs'),
});

const rollout = z.strictObject({
  strategy: z
    .enum(['immediate', 'progressive'])
    .default('immediate')
    .describe('how another digest comes into service: at once, or by steps beside the one before'),
  id: z.string().min(1).max(128).optional().describe('another id lets a digest be tried again that was rolled back'),
  steps: z.array(step).min(1).max(20).optional().describe('default: those of the server'),
});

const canary = z.strictObject({
  digest: digest('the version that shares the traffic'),
  share: z.number().gt(0).lt(1).describe('share of the keys that it answers, until Git changes'),
});

const alias = z.strictObject({
  name: z.string().min(1).max(128).describe('what requests ask for'),
  digest: digest('the version that answers: one of `adapters`'),
  rollout: rollout.default({ strategy: 'immediate' }).describe('how a change of the digest comes into service'),
  canary: canary.optional().describe('a second version with a fixed share of the traffic'),
  fallback: z.enum(['previous', 'base', 'error']).optional().describe('who answers while the version fails'),
  pinned: z
    .union([z.boolean(), z.literal('weights')])
    .default(false)
    .describe('true: only a commit moves the name; weights: its weights stay in memory too'),
  required: z.boolean().default(false).describe('whether a server is ready only while it serves the name'),
});

const adapter = z.strictObject({
  digest: digest('SHA-256 of the content, as `espalier adapter verify` prints it'),
  base: name('one of `bases`; needed where there are several').optional(),
  path: z.string().min(1).max(4096).optional().describe('where it lies, relative to fleet.yaml, inside the repository'),
  folder: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe('where it lies in the folder that the server was given (--fleet-adapters)'),
});

const base = z.strictObject({
  name: name('what `adapters` call it'),
  fingerprint: z
    .string()
    .regex(/^[\w-]{1,64}:[\da-f]{64}$/)
    .describe('the fingerprint of its weights, as `espalier fleet init` writes it'),
});

/** The form of `fleet.yaml`. */
export const manifestSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Fleet'),
  metadata: z.strictObject({
    name: name('the name of the fleet'),
    labels: labels.optional(),
    annotations: labels.optional(),
  }),
  spec: z.strictObject({
    bases: z.array(base).min(1).max(1000).describe('the bases whose servers apply this'),
    adapters: z.array(adapter).max(10_000).default([]).describe('the versions, by digest, and where they lie'),
    aliases: z.array(alias).max(10_000).default([]).describe('the names, and the version of each'),
    keys: z.array(z.string().min(1).max(128)).max(10_000).default([]).describe('names of keys that must be there'),
    prune: z.boolean().default(true).describe('whether names that are not declared are taken out of service'),
    allowEmpty: z.boolean().default(false).describe('whether a manifest without aliases is taken'),
  }),
});

export type Manifest = z.output<typeof manifestSchema>;

/** The JSON schema of `fleet.yaml`, for editors. */
export function manifestJsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(manifestSchema, { io: 'input' });
  return { $schema, title: 'The manifest of a fleet of Espalier (fleet.yaml)', ...schema };
}
