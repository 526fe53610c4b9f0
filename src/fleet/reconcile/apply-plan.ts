import type { Cause } from '../../core/index.ts';
import type { FleetPlan } from '../plan/plan-fleet.ts';
import { canaryBefore } from '../plan/plan-rollout.ts';
import type { LiveFleet } from '../plan/live-fleet.ts';
import type { FleetServer } from './fleet-server.ts';

export interface ApplyOptions {
  readonly server: FleetServer;
  /** The state for which the plan was made. */
  readonly live: LiveFleet;
  readonly cause: Cause;
}

/**
 * Does what a plan says, or nothing: whatever fails, what was done before it is taken back.
 *
 * The names move in one step. What comes before cannot be noticed by requests; what comes after does not change who answers them, but for
 * roll-outs, which come last.
 *
 * @throws the error of the step that failed
 */
export async function applyPlan(plan: FleetPlan, { server, live, cause }: ApplyOptions): Promise<void> {
  const undo: (() => Promise<void>)[] = [];
  const back: Cause = { actor: cause.actor, reason: 'the commit was not applied' };
  try {
    for (const name of plan.unpins) {
      await server.unpin(name, cause);
      const keepsWeights = live.names.get(name)?.pin?.keepsWeights === true;
      undo.push(() => server.pin(name, keepsWeights, back));
    }
    if (plan.moves.length > 0) {
      await server.moveTogether(plan.moves, cause);
      const inverse = plan.moves.map(({ name, from, to }) => ({ name, from: to, to: from }));
      undo.push(() => server.moveTogether(inverse, back));
    }
    for (const { name, keepsWeights } of plan.pins) {
      await server.pin(name, keepsWeights, cause);
      undo.push(() => server.unpin(name, back));
    }
    for (const { name, fallback } of plan.fallbacks) {
      await server.declareFallback(name, fallback, cause);
      const before = live.names.get(name)?.fallback;
      undo.push(() => server.declareFallback(name, before, back));
    }
    for (const action of plan.rollouts) {
      const { name } = action;
      if (action.kind === 'abort') {
        await server.abortRollout(name, cause);
        const before = canaryBefore(live.names.get(name)?.rollout);
        if (before !== undefined) {
          undo.push(() =>
            server.startRollout(name, before.candidate, { rollout: before.options, isAgain: false, cause: back }),
          );
        }
      } else {
        const { candidate, options: rollout, isAgain } = action;
        await server.startRollout(name, candidate, { rollout, isAgain, cause });
        undo.push(() => server.abortRollout(name, back));
      }
    }
  } catch (error) {
    for (const takeBack of undo.toReversed()) await takeBack().catch(() => undefined);
    throw error;
  }
}
