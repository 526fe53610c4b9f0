import { EspalierError } from '../core/index.ts';

/**
 * An error of answering as one of options: what requests call fields are options here.
 * @param error  anything
 */
export function asOptionError(error: unknown): unknown {
  if (!EspalierError.isInstance(error)) return error;
  if (error.code !== 'REQUEST_UNSUPPORTED' && error.code !== 'REQUEST_INVALID') return error;
  const { param, problem } = error.details;
  const details = { name: String(param), expected: 'what the base can answer', actual: String(problem) };
  return new EspalierError('OPTION_INVALID', details, { cause: error });
}
