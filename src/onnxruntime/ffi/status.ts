import { EspalierError } from '../../core/index.ts';
import type { UsedName } from './signatures.ts';

export type StatusCheck = (operation: UsedName, status: unknown) => void;

/** Names of OrtErrorCode, by value. */
const errorCodes = [
  'OK',
  'FAIL',
  'INVALID_ARGUMENT',
  'NO_SUCHFILE',
  'NO_MODEL',
  'ENGINE_ERROR',
  'RUNTIME_EXCEPTION',
  'INVALID_PROTOBUF',
  'MODEL_LOADED',
  'NOT_IMPLEMENTED',
  'INVALID_GRAPH',
  'EP_FAIL',
  'MODEL_LOAD_CANCELED',
  'MODEL_REQUIRES_COMPILATION',
  'NOT_FOUND',
];

/**
 * Creates the function that checks statuses. It is the only place that reads a status: null is success; any other status is freed and
 * thrown as ORT_FAILED with the library's own code and message.
 *
 * @param find the unchecked functions that read and free a status, by name
 */
export function createStatusCheck(
  find: (name: UsedName) => ((...values: unknown[]) => unknown) | undefined,
): StatusCheck {
  const getCode = find('GetErrorCode');
  const getMessage = find('GetErrorMessage');
  const release = find('ReleaseStatus');
  return (operation, status) => {
    if (status === null || status === undefined || status === 0n) return;
    const code = Number(getCode?.(status));
    const reason = String(getMessage?.(status)).trim();
    release?.(status);
    throw new EspalierError('ORT_FAILED', { operation, reason, ortCode: errorCodes[code] ?? `code ${code}` });
  };
}
