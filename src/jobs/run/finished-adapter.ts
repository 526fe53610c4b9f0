import type { Cause } from '../../core/index.ts';
import type { JobRecord } from '../records/job-record.ts';

/** The adapter of a job whose training is over. */
export interface FinishedAdapter extends Pick<JobRecord, 'fineTunedModel' | 'adapter' | 'rollout' | 'trace'> {
  readonly path: string;
  readonly cause: Cause;
}

/**
 * Brings an adapter into service. It may be called again for one that is in service.
 * @throws why it is refused
 */
export type ServeAdapter = (finished: FinishedAdapter) => Promise<void>;
