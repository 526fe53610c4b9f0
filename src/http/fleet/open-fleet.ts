import { join, resolve } from 'node:path';
import { EspalierError, option, optionText } from '../../core/index.ts';
import { Fleet, FleetRecord, type FleetSource, FolderSource, GitSource, parseSource } from '../../fleet/index.ts';
import { type BaseModel, fingerprintBase } from '../../models/index.ts';
import type { GenerationService } from '../../service/index.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { createFleetServer } from './fleet-server.ts';

/** Where a fleet is declared, and how it is followed. */
export interface FleetSettings {
  /** A Git repository or a folder, with `#folder` where fleet.yaml is not at its root. */
  readonly fleet?: string | undefined;
  /** Default: the branch to which the repository's HEAD points. */
  readonly fleetBranch?: string | undefined;
  /** Milliseconds between two looks. Default: 5 seconds. */
  readonly fleetIntervalMs?: number | undefined;
  /** Milliseconds that a repository may take to say which commit it has. It is asked again meanwhile. Default: a minute. */
  readonly fleetTimeoutMs?: number | undefined;
  /** A file or a folder that says whose keys must have signed the commits: allowed signers of `ssh-keygen`, or armoured OpenPGP keys. */
  readonly fleetSigners?: string | undefined;
  /** A folder for adapters that do not lie in the repository. */
  readonly fleetAdapters?: string | undefined;
}

export interface OpenFleetContext {
  readonly settings: FleetSettings & { readonly store?: string | undefined };
  readonly base: BaseModel;
  readonly generation: Pick<GenerationService, 'context'>;
  readonly keys: Pick<KeyRing, 'names'>;
}

/**
 * Checks what a fleet needs.
 * @throws EspalierError OPTION_INVALID, FLEET_SOURCE_INVALID
 */
export function assertFleetFits(settings: OpenFleetContext['settings']): void {
  const { fleet, store, fleetBranch, fleetSigners, fleetIntervalMs, fleetTimeoutMs, fleetAdapters } = settings;
  if (fleet === undefined) {
    const needing = { fleetBranch, fleetSigners, fleetInterval: fleetIntervalMs, fleetTimeout: fleetTimeoutMs };
    const lonely = Object.entries(needing).find(([, value]) => value !== undefined);
    if (lonely !== undefined)
      refuse(lonely[0], optionText(option('fleet'), ' beside it, which names what is followed'));
    if (fleetAdapters !== undefined && store === undefined)
      refuse('fleetAdapters', optionText(option('store'), ' beside it'));
    return;
  }
  if (store === undefined) refuse('fleet', optionText(option('store'), ' beside it, in which the versions are kept'));
  const { kind } = parseSource(fleet);
  if (kind === 'git') return;
  // WHY an error: who names signers relies on them, and a folder has no signatures.
  if (fleetSigners !== undefined) refuse('fleetSigners', 'a Git repository, since a folder has no signatures');
  if (fleetTimeoutMs !== undefined) refuse('fleetTimeout', 'a Git repository, since a folder is read at once');
  if (fleetBranch !== undefined) refuse('fleetBranch', 'a Git repository, since a folder has no branches');
}

function refuse(name: string, expected: ConstructorParameters<typeof EspalierError>[1]['expected']): never {
  throw new EspalierError('OPTION_INVALID', { name: option(name), expected, actual: 'none' });
}

/**
 * The fleet of a server with a store. It has served what was applied before when this resolves.
 * @returns undefined if the server has no store
 * @throws EspalierError FLEET_SIGNERS_INVALID
 */
export async function openFleet({ settings, base, generation, keys }: OpenFleetContext): Promise<Fleet | undefined> {
  const { store, fleetAdapters, fleetIntervalMs } = settings;
  const { control, rollouts, audit, baseName } = generation.context;
  if (store === undefined || control === undefined || rollouts === undefined) return undefined;
  const folder = join(store, 'fleet');
  const source = sourceOf(settings, folder);
  // WHY before anything is served: a list that cannot be read lets no commit in, and nobody would see it before the next one.
  if (source instanceof GitSource) await source.assertSigners(new AbortController().signal);
  const fingerprint = await fingerprintBase(base);
  return Fleet.open({
    server: createFleetServer({ baseName, fingerprint, control, rollouts, audit, keyNames: () => keys.names() }),
    source,
    record: new FleetRecord(join(folder, 'state.json')),
    adapters: fleetAdapters,
    intervalMs: fleetIntervalMs,
  });
}

function sourceOf(
  { fleet, fleetBranch, fleetSigners, fleetTimeoutMs }: FleetSettings,
  folder: string,
): FleetSource | undefined {
  if (fleet === undefined) return undefined;
  const address = parseSource(fleet);
  if (address.kind === 'folder') return new FolderSource(resolve(address.path), address.folder);
  const signers = fleetSigners === undefined ? undefined : resolve(fleetSigners);
  return new GitSource({ address, cache: join(folder, 'git'), branch: fleetBranch, signers, answerMs: fleetTimeoutMs });
}
