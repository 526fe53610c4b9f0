import { didYouMean, type ErrorCode, EspalierError, nearest } from '../../core/index.ts';
import type { KeyHolder } from './key-holder.ts';
import type { Scope } from './scope.ts';

/** Names among which a mistyped one is looked for. WHY so few: what a refusal costs must not grow with the number of adapters. */
const compared = 100;

/** Details of errors that are places on the server's disk. They may be those of other names with the same content. */
const places: ReadonlySet<string> = new Set(['path', 'dir', 'folder']);

/** Errors whose path is that of a URL. */
const ofRoutes: ReadonlySet<string> = new Set<ErrorCode>(['ROUTE_NOT_FOUND', 'METHOD_NOT_ALLOWED']);

/**
 * An error as the holder of a key may read it: the name that was meant is looked for among those that the key may see, and neither the
 * names of other keys nor places on the disk are told.
 *
 * @param names  all names that are served
 */
export function hideNames(error: unknown, holder: KeyHolder, names: () => Iterable<string>): unknown {
  if (holder.scope.isAll || !EspalierError.isInstance(error)) return error;
  if (ofRoutes.has(error.code)) return error;
  const hint = ownHint(error, holder, names);
  return error.withText((text, field) => {
    if (places.has(field)) return 'a place on the server';
    if (field === 'by') return actorFor(holder, text);
    return field === 'hint' ? (hint ?? text) : text;
  });
}

/** @returns undefined if the error has no hint at a name */
function ownHint(
  { code, details }: EspalierError,
  { scope }: KeyHolder,
  names: () => Iterable<string>,
): string | undefined {
  if (code !== 'MODEL_NOT_FOUND' && code !== 'ADAPTER_NOT_FOUND') return undefined;
  const asked = String(details['model'] ?? details['name'] ?? '');
  const own: string[] = [];
  for (const name of names()) if (scope.sees(name) && own.push(name) === compared) break;
  if (code === 'ADAPTER_NOT_FOUND') return didYouMean(asked, own);
  const near = nearest(asked, own);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}

/** Why an adapter cannot be served, as a key for inference may read it: the text of an error may name places on the disk. */
export function problemFor(scope: Scope, problem: string): string {
  return scope.isAll ? problem : 'its files cannot be used';
}

/** Who made a change, as the holder of a key may read it: the names and addresses of others are not told. */
export function actorFor({ scope, name }: KeyHolder, actor: string): string {
  const isOther = /^(key|address) /.test(actor) && actor !== `key ${name}`;
  return isOther && !scope.isAll ? 'another key' : actor;
}
