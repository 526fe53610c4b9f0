import { EspalierError, messageOf } from '../../core/index.ts';
import type { FleetPlan, FleetRow, FleetStatus } from '../../fleet/index.ts';

/** How a fleet stands, as the routes tell it. Times are in ISO 8601. */
export function fleetJson(status: FleetStatus): object {
  const { applied, head, refused, unreachable, lookingSeconds, paused, ageSeconds, problem } = status;
  return {
    object: 'fleet',
    sync: status.sync,
    source: status.source ?? null,
    applied: applied
      ? {
          commit: applied.commit,
          source: applied.source,
          author: applied.author ?? null,
          subject: applied.subject ?? null,
          time: timeOf(applied.time),
          applied_at: timeOf(applied.appliedAt),
        }
      : null,
    head: head
      ? { commit: head.commit, author: head.author ?? null, subject: head.subject ?? null, time: timeOf(head.time) }
      : null,
    refused: refused
      ? {
          commit: refused.commit,
          author: refused.author ?? null,
          subject: refused.subject ?? null,
          since: timeOf(refused.refusedAt),
          error: errorJson(refused.error),
        }
      : null,
    unreachable: unreachable ? { since: timeOf(unreachable.since), error: errorJson(unreachable.error) } : null,
    paused: paused ? { by: paused.by, reason: paused.reason ?? null, time: timeOf(paused.time) } : null,
    problem: problem === undefined ? null : errorJson(problem),
    age_seconds: ageSeconds === undefined ? null : Math.round(ageSeconds),
    looking_seconds: lookingSeconds === undefined ? null : Math.round(lookingSeconds),
    rows: status.rows.map(rowJson),
  };
}

/** What a manifest would change, or has changed. */
export function planJson({ rows, moves, rollouts, pins, unpins, fallbacks }: FleetPlan, changes: number): object {
  return {
    object: 'fleet.plan',
    changes,
    rows: rows.map(rowJson),
    moves: moves.map(({ name, from, to }) => ({ name, from: from ?? null, to: to ?? null })),
    rollouts: rollouts.map((action) =>
      action.kind === 'abort' ? { name: action.name, abort: true } : { name: action.name, candidate: action.candidate },
    ),
    pins: pins.map(({ name, keepsWeights }) => ({ name, weights: keepsWeights })),
    unpins,
    fallbacks: fallbacks.map(({ name, fallback }) => ({ name, fallback: fallback ?? null })),
  };
}

function rowJson({ name, kind, declared, live, note }: FleetRow): object {
  return {
    name,
    kind,
    note: note ?? null,
    declared: declared
      ? {
          version: declared.digest,
          rollout: declared.isProgressive ? 'progressive' : 'immediate',
          canary: declared.canary ?? null,
          pinned: declared.pin,
          fallback: declared.fallback ?? null,
        }
      : null,
    live: live
      ? {
          version: live.version ?? null,
          pinned: live.pin ? { by: live.pin.by, weights: live.pin.keepsWeights } : null,
          fallback: live.fallback ?? null,
          rollout: live.rollout
            ? { candidate: live.rollout.candidate, phase: live.rollout.phase, share: live.rollout.share }
            : null,
          changed: live.changed
            ? { by: live.changed.by, reason: live.changed.reason ?? null, time: timeOf(live.changed.time) }
            : null,
        }
      : null,
  };
}

function errorJson(error: unknown): object {
  return { code: EspalierError.isInstance(error) ? error.code.toLowerCase() : null, message: messageOf(error) };
}

function timeOf(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
