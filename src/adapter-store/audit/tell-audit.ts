import { publishAdapterEvent } from '../../core/index.ts';

/** Tells that the audit record cannot be written, or can again where no error is given. */
export function tellAudit(error: unknown): void {
  const reason =
    error === undefined
      ? 'the audit record can be written again'
      : 'the audit record cannot be written; it is tried again';
  publishAdapterEvent({ event: 'store', actor: 'store', reason, ...(error !== undefined && { error }) });
}
