import { EspalierError } from '../core/index.ts';

/** The part of a process's environment by which it is told its place in a group. */
export type GroupEnvironment = Readonly<Record<string, string | undefined>>;

/** The place of a process in its group. */
export interface GroupPlace {
  readonly rank: number;
  readonly worldSize: number;
  /** The number of this process among those of its machine. */
  readonly localRank: number;
  /** Processes on this machine, if that is known. */
  readonly localWorldSize: number | undefined;
  readonly master: { readonly host: string; readonly port: number };
}

const needed = ['RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'] as const;

/**
 * Reads the place of this process from the variables that torchrun and its kin set: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT,
 * LOCAL_RANK and LOCAL_WORLD_SIZE.
 *
 * @returns undefined for a process without RANK and WORLD_SIZE, which is alone
 * @throws EspalierError GROUP_SETTINGS_INVALID
 */
export function groupPlaceOf(environment: GroupEnvironment): GroupPlace | undefined {
  if (environment['RANK'] === undefined && environment['WORLD_SIZE'] === undefined) return undefined;
  const worldSize = numberOf(environment, 'WORLD_SIZE', { least: 1, most: 4096 });
  const rank = numberOf(environment, 'RANK', { least: 0, most: worldSize - 1 });
  const missing = worldSize === 1 ? [] : needed.filter((name) => !environment[name]);
  if (missing.length > 0) {
    const expected = `to be set beside ${needed.filter((name) => environment[name]).join(', ')}`;
    throw new EspalierError('GROUP_SETTINGS_INVALID', { name: missing.join(', '), expected, actual: 'nothing' });
  }
  const localRank =
    environment['LOCAL_RANK'] === undefined ? rank : numberOf(environment, 'LOCAL_RANK', { least: 0, most: rank });
  const localWorldSize =
    environment['LOCAL_WORLD_SIZE'] === undefined
      ? undefined
      : numberOf(environment, 'LOCAL_WORLD_SIZE', { least: localRank + 1, most: worldSize });
  const port = worldSize === 1 ? 0 : numberOf(environment, 'MASTER_PORT', { least: 1, most: 65535 });
  return { rank, worldSize, localRank, localWorldSize, master: { host: environment['MASTER_ADDR'] ?? '', port } };
}

function numberOf(
  environment: GroupEnvironment,
  name: string,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const text = environment[name];
  const value = text === undefined || !/^\d{1,9}$/.test(text) ? NaN : Number(text);
  if (value >= least && value <= most) return value;
  const expected = `a whole number from ${least} to ${most}`;
  const actual = text === undefined ? 'nothing' : JSON.stringify(text);
  throw new EspalierError('GROUP_SETTINGS_INVALID', { name, expected, actual });
}
