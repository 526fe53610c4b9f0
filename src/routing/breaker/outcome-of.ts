import { EspalierError, type ErrorCode } from '../../core/index.ts';
import type { CallResult } from './breaker.ts';

/** Failures that every version would have had at that moment: the server was full or closing, its base was
 * overwritten, or a processor of its owner failed. */
const ofTheServer: readonly ErrorCode[] = [
  'QUEUE_FULL',
  'CALLER_QUEUE_FULL',
  'WAITED_TOO_LONG',
  'LOGITS_PROCESSOR_FAILED',
  'ENGINE_CLOSED',
  'ADAPTER_BEING_READ',
  'DISPOSED',
  'BASE_CHANGED',
  'SHUTTING_DOWN',
];

/**
 * What a failed call says about its version. A request that was refused for what it asks (status below 500) and one that the client
 * cancelled say nothing. Everything else counts against the version, logits that are not finite above all.
 *
 * @param error    what the call threw
 * @param isGone   whether the client had cancelled the call
 */
export function outcomeOf(error: unknown, isGone = false): Exclude<CallResult['outcome'], 'success'> {
  if (isGone || (error instanceof Error && error.name === 'AbortError')) return 'cancelled';
  if (!EspalierError.isInstance(error)) return 'failure';
  return error.status < 500 || ofTheServer.includes(error.code) ? 'cancelled' : 'failure';
}
