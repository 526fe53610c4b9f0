import type { IncomingHttpHeaders } from 'node:http';
import { EspalierError } from '../../core/index.ts';
import type { MoveOptions } from '../../routing/index.ts';

/** The entity tag of an adapter: its version. */
export function entityTag(version: string): string {
  return `"${version}"`;
}

/**
 * Reads the version that a change expects.
 * @throws EspalierError REQUEST_INVALID
 * @see RFC 9110, 13.1
 */
export function readPreconditions(headers: IncomingHttpHeaders): Pick<MoveOptions, 'expectedVersion' | 'isNew'> {
  const [match, none] = [headers['if-match'], headers['if-none-match']];
  if (none !== undefined && none.trim() !== '*') {
    throw invalid('If-None-Match', 'only * is taken, for a name that must not be there yet');
  }
  if (match === undefined) return none === undefined ? {} : { isNew: true };
  if (none !== undefined) throw invalid('If-Match', 'it cannot be met together with If-None-Match');
  const version = /^"(?<version>[\w.-]+)"$/.exec(match.trim())?.groups?.['version'];
  if (version === undefined)
    throw invalid('If-Match', 'one version in quotation marks is expected, as the ETag gives it');
  return { expectedVersion: version };
}

/** What a change expects of the name. */
export type Preconditions = ReturnType<typeof readPreconditions>;

/**
 * Makes a change, and tells a precondition that is not met by its own status. A change that came in between is a conflict only.
 * @throws EspalierError PRECONDITION_FAILED
 */
export async function underPreconditions<T>(expected: Preconditions, change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (cause) {
    const isAsked = expected.expectedVersion !== undefined || expected.isNew === true;
    if (!isAsked || !EspalierError.isInstance(cause) || cause.code !== 'ADAPTER_VERSION_CONFLICT') throw cause;
    const { name = '', expected: wanted = '', actual = '' } = cause.details;
    throw new EspalierError('PRECONDITION_FAILED', { name, expected: wanted, actual }, { cause });
  }
}

function invalid(param: string, problem: string): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param, problem });
}
