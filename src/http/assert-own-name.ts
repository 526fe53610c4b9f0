import { EspalierError } from '../core/index.ts';
import type { ServerOptions } from './server-options.ts';

/** Checks that no model has the name of an encoder, which is served under `/v2` under the name of the base. */
export function assertOwnName(encoder: string | undefined, models: ServerOptions['models'] = []): void {
  if (encoder === undefined || !models.some(({ name }) => name === encoder)) return;
  throw new EspalierError('OPTION_INVALID', {
    name: 'models',
    expected: 'names other than that of the base',
    actual: encoder,
  });
}
