import { EspalierError, type ErrorCode } from '../../core/index.ts';
import { outcomeOf } from '../breaker/outcome-of.ts';

/**
 * How a call of a version ended. `not-finite` (NaN or Inf in logits) and `incompatible` (the version does not fit the base) roll a
 * candidate back at once. A call that was cancelled says nothing.
 */
export type CallOutcome = 'success' | 'failure' | 'not-finite' | 'incompatible' | 'cancelled';

const incompatible: readonly ErrorCode[] = [
  'ADAPTER_BASE_MISMATCH',
  'ADAPTER_RANK_TOO_LARGE',
  'ADAPTER_TARGET_NOT_SERVED',
  'ADAPTER_VALUES_UNUSABLE',
  'DORA_NOT_SERVED',
  'LORA_MODULES_INVALID',
  'LORA_TENSORS_INVALID',
];

/** What a failed call says about the version of a roll-out. */
export function rolloutOutcomeOf(error: unknown, isGone = false): Exclude<CallOutcome, 'success'> {
  if (EspalierError.isInstance(error)) {
    if (error.code === 'LOGITS_NOT_FINITE') return 'not-finite';
    if (incompatible.includes(error.code)) return 'incompatible';
  }
  return outcomeOf(error, isGone);
}

/**
 * What a run that had begun and failed says about its version. What the client asked was checked before, so a refusal that comes now,
 * such as of a file that is gone, is the version's fault.
 */
export function outcomeOfRun(error: unknown, isGone = false): Exclude<CallOutcome, 'success'> {
  const outcome = rolloutOutcomeOf(error, isGone);
  const isRefusal = EspalierError.isInstance(error) && error.status < 500;
  return outcome === 'cancelled' && !isGone && isRefusal ? 'failure' : outcome;
}
