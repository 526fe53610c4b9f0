import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { readRolloutState, type RolloutState } from './rollout-state.ts';

/** What is kept of a roll-out. */
export interface RolloutRecord {
  readonly state: RolloutState;
  /** Whether what its end asks for has been done: the name moved, or the candidate put away. */
  readonly isSettled: boolean;
}

const schema = z.strictObject({ state: z.unknown(), isSettled: z.boolean() });

/** @throws EspalierError ROLLOUT_STATE_INVALID */
export function readRolloutRecord(saved: unknown): RolloutRecord {
  const parsed = schema.safeParse(saved);
  if (parsed.success) return { state: readRolloutState(parsed.data.state), isSettled: parsed.data.isSettled };
  throw new EspalierError('ROLLOUT_STATE_INVALID', { problems: parsed.error.issues.map(({ message }) => message) });
}
