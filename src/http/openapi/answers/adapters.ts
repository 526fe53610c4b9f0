import { z } from 'zod';

const count = z.int().nonnegative();
const time = z.iso.datetime();
const byWhom = { by: z.string(), reason: z.string().nullable() };

/** An adapter as the routes of administration describe it. */
export const adapterAnswer = z.object({
  object: z.literal('adapter'),
  name: z.string(),
  state: z.string(),
  version: z.string().nullable(),
  base: z.string().nullable(),
  base_fingerprint: z.string().nullable(),
  rank: count.nullable(),
  bytes: count.nullable(),
  resident: z.boolean(),
  leases: count,
  requests: count,
  draining: z.boolean(),
  pinned: z.object({ ...byWhom, time, weights: z.boolean() }).nullable(),
  fallback: z.object({ answers: z.string(), declared: z.boolean() }).nullable(),
  created: time,
  problem: z.string().optional(),
});

export const adaptersAnswer = z.object({
  object: z.literal('list'),
  data: z.array(adapterAnswer),
  memory: z.object({ used: count, limit: count, versions: count }),
});

export const adapterInFullAnswer = adapterAnswer.extend({
  shards: z
    .array(
      z.object({
        tensor: z.string(),
        file_offset: count.nullable(),
        address: z.string().nullable(),
        bytes: count,
        aligned_bytes: count,
      }),
    )
    .nullable(),
  history: z.array(z.object({ version: z.string(), time, ...byWhom })),
});

export const removedAdapterAnswer = z.object({
  object: z.literal('adapter'),
  name: z.string(),
  deleted: z.literal(true),
});

const numbers = z.record(z.string(), z.number());
const calls = z.object({ calls: count, failures: count });

export const rolloutAnswer = z.object({
  object: z.literal('rollout'),
  id: z.string(),
  name: z.string(),
  stable: z.string(),
  candidate: z.string(),
  phase: z.string(),
  reason: z.string().nullable(),
  step: count,
  steps: z.array(numbers),
  limits: numbers,
  noise: numbers,
  step_ms: count,
  candidate_calls: calls,
  stable_calls: calls,
  mirrored: z.object({ requests: count, divergence: z.number().nullable(), agreement: z.number().nullable() }),
});

export const rolloutsAnswer = z.object({ object: z.literal('list'), data: z.array(rolloutAnswer) });

/** The version is in the store; the name points to it at once, or comes to it by steps. */
export const uploadAnswer = z.object({
  object: z.literal('adapter.version'),
  name: z.string(),
  version: z.string(),
  published: z.boolean(),
  adapter: adapterAnswer.optional(),
  rollout: rolloutAnswer.optional(),
});

export const noiseAnswer = z.object({
  object: z.literal('noise'),
  name: z.string(),
  running: z.object({ version: z.string(), wanted: count, samples: count, failures: count }).nullable(),
  floor: z
    .object({
      divergence: z.number(),
      agreement: z.number(),
      entropy: z.number(),
      version: z.string(),
      samples: count,
      failures: count,
      observed: numbers,
      time,
    })
    .nullable(),
});

/** As vLLM answers, with the name and its version besides. */
export const loadedAnswer = z.object({
  status: z.literal('success'),
  message: z.string(),
  name: z.string(),
  version: z.string(),
});

export const unloadedAnswer = loadedAnswer.omit({ version: true });
