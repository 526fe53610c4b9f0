import { EspalierError } from '../core/index.ts';

/** The part of a process's environment by which it is told its place in a group. */
export type GroupEnvironment = Readonly<Record<string, string | undefined>>;

/** A place in a group whose processes find each other over TCP. */
export interface TcpPlace extends Place {
  readonly transport: 'tcp';
  readonly master: { readonly host: string; readonly port: number };
}

/** A place in a group whose processes were started by MPI's own launcher. */
export interface MpiPlace extends Place {
  readonly transport: 'mpi';
  readonly launcher: 'Open MPI' | 'PMI' | 'Slurm';
}

/** The place of a process in its group. */
export type GroupPlace = TcpPlace | MpiPlace;

interface Place {
  readonly rank: number;
  readonly worldSize: number;
  /** The number of this process among those of its machine. */
  readonly localRank: number;
  /** Processes on this machine, if that is known. */
  readonly localWorldSize: number | undefined;
}

const needed = ['RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'] as const;

/**
 * The variables of MPI's launchers: rank, size, and the same among the processes of one machine.
 * Slurm does not say how many are on a machine, and gives each its own cores. WHY PMIX_RANK for it: Slurm's own variables are also set where nothing connects the processes, as in a batch script.
 */
const launchers = [
  {
    launcher: 'Open MPI',
    needs: 'OMPI_COMM_WORLD_SIZE',
    names: ['OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_LOCAL_SIZE'],
  },
  { launcher: 'PMI', needs: 'PMI_SIZE', names: ['PMI_RANK', 'PMI_SIZE', 'MPI_LOCALRANKID', 'MPI_LOCALNRANKS'] },
  {
    launcher: 'Slurm',
    needs: 'PMIX_RANK',
    names: ['SLURM_PROCID', 'SLURM_STEP_NUM_TASKS', 'SLURM_LOCALID', undefined],
  },
] as const;

/**
 * Reads the place of this process from the variables that torchrun and its kin set: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT,
 * LOCAL_RANK and LOCAL_WORLD_SIZE. Without RANK and WORLD_SIZE, those of MPI's launchers say it.
 *
 * @returns undefined for a process without any of them, which is alone
 * @throws EspalierError GROUP_SETTINGS_INVALID
 */
export function groupPlaceOf(environment: GroupEnvironment): GroupPlace | undefined {
  if (environment['RANK'] === undefined && environment['WORLD_SIZE'] === undefined) return mpiPlaceOf(environment);
  const worldSize = numberOf(environment, 'WORLD_SIZE', { least: 1, most: 4096 });
  const rank = numberOf(environment, 'RANK', { least: 0, most: worldSize - 1 });
  const missing = worldSize === 1 ? [] : needed.filter((name) => !environment[name]);
  if (missing.length > 0) {
    const expected = `to be set beside ${needed.filter((name) => environment[name]).join(', ')}`;
    throw new EspalierError('GROUP_SETTINGS_INVALID', { name: missing.join(', '), expected, actual: 'nothing' });
  }
  const local = localPlaceOf(environment, { rank, worldSize, names: ['LOCAL_RANK', 'LOCAL_WORLD_SIZE'] });
  const port = worldSize === 1 ? 0 : numberOf(environment, 'MASTER_PORT', { least: 1, most: 65535 });
  return {
    transport: 'tcp',
    rank,
    worldSize,
    ...local,
    master: { host: environment['MASTER_ADDR'] ?? '', port },
  };
}

function mpiPlaceOf(environment: GroupEnvironment): MpiPlace | undefined {
  const found = launchers.find(({ needs }) => environment[needs] !== undefined);
  if (found === undefined) return undefined;
  const [rankName, sizeName, ...names] = found.names;
  const worldSize = numberOf(environment, sizeName, { least: 1, most: 4096 });
  const rank = numberOf(environment, rankName, { least: 0, most: worldSize - 1 });
  const local = localPlaceOf(environment, { rank, worldSize, names });
  return { transport: 'mpi', launcher: found.launcher, rank, worldSize, ...local };
}

function localPlaceOf(
  environment: GroupEnvironment,
  { rank, worldSize, names }: { rank: number; worldSize: number; names: readonly [string, string | undefined] },
): Pick<Place, 'localRank' | 'localWorldSize'> {
  const [rankName, sizeName] = names;
  const localRank =
    environment[rankName] === undefined ? rank : numberOf(environment, rankName, { least: 0, most: rank });
  const localWorldSize =
    sizeName === undefined || environment[sizeName] === undefined
      ? undefined
      : numberOf(environment, sizeName, { least: localRank + 1, most: worldSize });
  return { localRank, localWorldSize };
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
