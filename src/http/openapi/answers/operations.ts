import { z } from 'zod';

const count = z.int().nonnegative();
const time = z.iso.datetime();
const said = { by: z.string(), reason: z.string().nullable(), time };

const problem = z.object({ code: z.string().nullable(), message: z.string() });

const declared = z.object({
  version: z.string(),
  rollout: z.enum(['immediate', 'progressive']),
  canary: z.unknown(),
  pinned: z.string(),
  fallback: z.string().nullable(),
});

const live = z.object({
  version: z.string().nullable(),
  pinned: z.object({ by: z.string(), weights: z.boolean() }).nullable(),
  fallback: z.string().nullable(),
  rollout: z.object({ candidate: z.string(), phase: z.string(), share: z.number() }).nullable(),
  changed: z.object(said).extend({ time: time.nullable() }).nullable(),
});

const fleetRow = z.object({
  name: z.string(),
  kind: z.string(),
  note: z.string().nullable(),
  declared: declared.nullable(),
  live: live.nullable(),
});

const commit = { commit: z.string(), author: z.string().nullable(), subject: z.string().nullable() };

export const fleetAnswer = z.object({
  object: z.literal('fleet'),
  sync: z.string(),
  source: z.string().nullable(),
  applied: z.object({ ...commit, source: z.string(), time: time.nullable(), applied_at: time.nullable() }).nullable(),
  head: z.object({ ...commit, time: time.nullable() }).nullable(),
  refused: z.object({ ...commit, since: time.nullable(), error: problem }).nullable(),
  unreachable: z.object({ since: time.nullable(), error: problem }).nullable(),
  paused: z.object(said).nullable(),
  problem: problem.nullable(),
  age_seconds: z.int().nullable(),
  looking_seconds: z.int().nullable(),
  rows: z.array(fleetRow),
});

export const fleetPlanAnswer = z.object({
  object: z.literal('fleet.plan'),
  changes: count,
  rows: z.array(fleetRow),
  moves: z.array(z.object({ name: z.string(), from: z.string().nullable(), to: z.string().nullable() })),
  rollouts: z.array(
    z.object({ name: z.string(), abort: z.literal(true).optional(), candidate: z.string().optional() }),
  ),
  pins: z.array(z.object({ name: z.string(), weights: z.boolean() })),
  unpins: z.array(z.string()),
  fallbacks: z.array(z.object({ name: z.string(), fallback: z.string().nullable() })),
  missing: z.array(z.string()).optional(),
});

export const healthAnswer = z.object({ status: z.literal('ok') });
export const readyAnswer = z.object({ status: z.literal('ready') });

export const readinessAnswer = z.object({
  status: z.literal('ready'),
  ending: z.boolean(),
  damaged: z.boolean(),
  missing_adapters: z.array(z.string()),
});

const quantiles = z.object({ p50: z.number(), p95: z.number() }).nullable();

export const statsAnswer = z.object({
  object: z.literal('stats'),
  time,
  base: z.string().nullable(),
  ready: z.boolean(),
  engine: z
    .object({
      slots: count,
      running: count,
      waiting: count,
      cache_usage: z.number(),
      requests: z.record(z.string(), z.number()),
      tokens: z.record(z.string(), z.number()),
    })
    .nullable(),
  memory: z.object({ used: count, limit: count, versions: count }).nullable(),
  recent: z.object({ answers: count, queue_ms: quantiles, first_token_ms: quantiles, answer_ms: quantiles }),
  adapters: z.array(
    z.object({
      name: z.string(),
      tier: z.string(),
      breaker: z.string().nullable(),
      finished: count,
      cancelled: count,
      failed: count,
      generated: count,
    }),
  ),
});

const details = z.record(z.string(), z.unknown());

export const eventsAnswer = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({
      object: z.literal('adapter.event'),
      id: z.string(),
      event: z.string(),
      time,
      by: z.string(),
      result: z.string(),
      name: z.string().nullable(),
      version: z.string().nullable(),
      previous: z.string().nullable(),
      reason: z.string().nullable(),
      error: problem.nullable(),
      duration_ms: z.number().nullable(),
      details,
    }),
  ),
  last_id: z.string().nullable(),
  gap: z.boolean(),
});

/** Records as they are in the file. A key for some names gets them without what names others. */
export const auditAnswer = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({
      object: z.literal('audit.record'),
      seq: count,
      time,
      actor: z.string(),
      event: z.string(),
      result: z.string(),
      name: z.string().optional(),
      digest: z.string().optional(),
      previous: z.string().optional(),
      reason: z.string().optional(),
      code: z.string().optional(),
      message: z.string().optional(),
      details: details.optional(),
      prev: z.string().optional(),
    }),
  ),
  has_more: z.boolean(),
  next_before: z.int().nullable(),
});

const interval = z.array(z.number()).nullable();

export const evidenceAnswer = z.object({
  object: z.literal('list'),
  rollout: z.string(),
  data: z.array(
    z.object({
      time,
      step: count,
      phase: z.string(),
      calls: count,
      failures: count,
      requests: count,
      divergence: z.number().nullable(),
      agreement: z.number().nullable(),
      divergence_interval: interval,
      agreement_interval: interval,
    }),
  ),
});
