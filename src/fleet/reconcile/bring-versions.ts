import { EspalierError, messageOf, type Cause } from '../../core/index.ts';
import type { AdapterPlace, DesiredFleet } from '../manifest/fleet.ts';
import { openInFolder } from '../source/folder-source.ts';
import type { OpenedPath } from '../source/fleet-source.ts';
import type { FleetServer } from './fleet-server.ts';

export interface BringOptions {
  readonly server: FleetServer;
  readonly cause: Cause;
  /** Opens a path of the repository; undefined: there is none. */
  readonly open: ((path: string) => Promise<OpenedPath | undefined>) | undefined;
  /** The folder for adapters that do not lie in the repository. */
  readonly adapters: string | undefined;
}

/** A version that is needed, and the alias that needs it. */
export interface Needed {
  readonly digest: string;
  readonly alias: string;
}

/** Every version that a desired state needs, each once. */
export function neededBy({ aliases }: DesiredFleet): Needed[] {
  const needed = new Map<string, string>();
  for (const { name, digest, canary } of aliases.values()) {
    for (const one of [digest, ...(canary === undefined ? [] : [canary.digest])])
      if (!needed.has(one)) needed.set(one, name);
  }
  return [...needed].map(([digest, alias]) => ({ digest, alias }));
}

/**
 * Brings every version into the store that is not there yet, and verifies it. No name is moved.
 * @throws EspalierError FLEET_ADAPTER_MISSING, FLEET_DIGEST_MISMATCH, and why a version cannot be served
 */
export async function bringVersions(
  needed: readonly Needed[],
  places: DesiredFleet['places'],
  options: BringOptions,
): Promise<void> {
  for (const { digest, alias } of needed) {
    if (await options.server.holds(digest)) continue;
    await bringOne({ digest, alias }, places.get(digest) ?? { kind: 'store' }, options);
  }
}

async function bringOne({ digest, alias }: Needed, place: AdapterPlace, options: BringOptions): Promise<void> {
  const missing = (problem: string): EspalierError =>
    new EspalierError('FLEET_ADAPTER_MISSING', { version: digest.slice(0, 12), alias, problem });
  if (place.kind === 'store') throw missing('it is not in the store, and the manifest names no place');
  await using opened = await openPlace(place, options).catch((error: unknown) => {
    throw missing(`${place.path}: ${messageOf(error)}`);
  });
  if (opened === undefined) throw missing(whyNothing(place, options));
  const kept = await options.server.keep(alias, opened.path, options.cause);
  if (kept.digest === digest) return;
  throw new EspalierError('FLEET_DIGEST_MISMATCH', { path: place.path, expected: digest, actual: kept.digest });
}

async function openPlace(
  place: Exclude<AdapterPlace, { readonly kind: 'store' }>,
  { open, adapters }: BringOptions,
): Promise<OpenedPath | undefined> {
  if (place.kind === 'repository') return open?.(place.path);
  return adapters === undefined ? undefined : openInFolder(adapters, place.path);
}

function whyNothing(
  place: Exclude<AdapterPlace, { readonly kind: 'store' }>,
  { open, adapters }: BringOptions,
): string {
  if (place.kind === 'repository') {
    return open === undefined
      ? `${place.path} lies in a repository that the server does not follow`
      : `there is no ${place.path}`;
  }
  return adapters === undefined
    ? `the server was given no folder of adapters (--fleet-adapters)`
    : `there is no ${place.path} in ${adapters}`;
}
