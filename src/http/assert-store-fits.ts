import { EspalierError, option, optionText } from '../core/index.ts';
import type { ServerOptions } from './server-options.ts';

/**
 * Checks what a store needs, and what needs one.
 * @param kind  of the base; undefined: none is served
 * @throws EspalierError OPTION_INVALID
 */
export function assertStoreFits(
  { store, adapters, jobs, quarantineKeep }: Pick<ServerOptions, 'store' | 'adapters' | 'jobs' | 'quarantineKeep'>,
  kind: 'decoder' | 'encoder' | undefined,
): void {
  if (store === undefined) {
    if (quarantineKeep !== undefined) {
      const expected = optionText(option('store'), ' beside it, whose quarantine is kept small');
      throw new EspalierError('OPTION_INVALID', { name: option('quarantineKeep'), expected, actual: 'none' });
    }
    if (jobs === undefined) return;
    const expected = optionText(option('store'), ' beside it, from which finished adapters are served');
    throw new EspalierError('OPTION_INVALID', { name: option('jobs'), expected, actual: 'none' });
  }
  if (kind !== 'decoder') {
    const [expected, actual] = ['a base that generates text', kind === undefined ? 'no base' : 'an encoder'];
    throw new EspalierError('OPTION_INVALID', { name: option('store'), expected, actual });
  }
  if (adapters !== undefined) {
    const expected = optionText('no ', option('adapters'), ' beside it');
    throw new EspalierError('OPTION_INVALID', { name: option('store'), expected, actual: adapters });
  }
}
