import { EspalierError } from '../core/index.ts';

/**
 * Ends a rendering. The line is added where the rendering was started.
 * @throws EspalierError TEMPLATE_FAILED
 */
export function fail(problem: string): never {
  throw new EspalierError('TEMPLATE_FAILED', { line: 0, problem });
}

/** Ends a rendering because of something that Jinja2 has and this evaluator lacks. */
export function unsupported(what: string): never {
  fail(`${what} is not supported`);
}
