import { describe, expect, it } from 'vitest';
import { EspalierError } from '../core/index.ts';
import { groupPlaceOf } from './group-settings.ts';
import { launchEnvironments } from './launch-plan.ts';

const whole = { RANK: '1', WORLD_SIZE: '4', MASTER_ADDR: '10.0.0.1', MASTER_PORT: '29500' };

function problemOf(environment: Readonly<Record<string, string | undefined>>): string {
  try {
    return `none: ${JSON.stringify(groupPlaceOf(environment))}`;
  } catch (error) {
    return EspalierError.isInstance(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

describe('groupPlaceOf', () => {
  it('is no place where nothing is said, whatever else is set', () => {
    expect(groupPlaceOf({})).toBeUndefined();
    expect(groupPlaceOf({ LOCAL_RANK: 'x', MASTER_PORT: '29500' })).toBeUndefined();
  });

  it('reads what torchrun sets', () => {
    expect(groupPlaceOf({ ...whole, LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '2' })).toEqual({
      transport: 'tcp',
      rank: 1,
      worldSize: 4,
      localRank: 1,
      localWorldSize: 2,
      master: { host: '10.0.0.1', port: 29500 },
    });
    expect(groupPlaceOf(whole)).toMatchObject({ localRank: 1, localWorldSize: undefined });
  });

  it('needs no address for one alone', () => {
    expect(groupPlaceOf({ RANK: '0', WORLD_SIZE: '1' })).toMatchObject({ rank: 0, worldSize: 1 });
  });

  it.each([
    [
      'Open MPI',
      'OMPI_COMM_WORLD_RANK',
      'OMPI_COMM_WORLD_SIZE',
      'OMPI_COMM_WORLD_LOCAL_RANK',
      'OMPI_COMM_WORLD_LOCAL_SIZE',
    ],
    ['PMI', 'PMI_RANK', 'PMI_SIZE', 'MPI_LOCALRANKID', 'MPI_LOCALNRANKS'],
    ['Slurm', 'SLURM_PROCID', 'SLURM_STEP_NUM_TASKS', 'SLURM_LOCALID', undefined],
  ])('reads what the launcher of %s sets', (launcher, rank, size, localRank, localSize) => {
    const environment = { [rank]: '3', [size]: '4', [localRank]: '1', PMIX_RANK: '3' };
    const place = { transport: 'mpi', launcher, rank: 3, worldSize: 4 };
    expect(groupPlaceOf(environment)).toEqual({ ...place, localRank: 1, localWorldSize: undefined });
    const counted = { ...environment, ...(localSize !== undefined && { [localSize]: '2' }) };
    const localWorldSize = localSize === undefined ? undefined : 2;
    expect(groupPlaceOf(counted)).toEqual({ ...place, localRank: 1, localWorldSize });
    expect(groupPlaceOf({ ...environment, ...whole })).toMatchObject({ transport: 'tcp', rank: 1 });
    expect(problemOf({ ...environment, [rank]: '4' })).toContain(`${rank} expects a whole number from 0 to 3`);
  });

  it('is no place in a batch script of Slurm, in which nothing connects processes', () => {
    expect(groupPlaceOf({ SLURM_PROCID: '0', SLURM_NTASKS: '4', SLURM_STEP_NUM_TASKS: '4' })).toBeUndefined();
  });

  it.each([
    [{ RANK: '1' }, 'WORLD_SIZE'],
    [{ WORLD_SIZE: '2' }, 'RANK'],
    [{ ...whole, RANK: '4' }, 'a whole number from 0 to 3, got "4"'],
    [{ ...whole, RANK: '-1' }, 'RANK'],
    [{ ...whole, RANK: '1.5' }, 'RANK'],
    [{ ...whole, RANK: '' }, 'RANK'],
    [{ ...whole, WORLD_SIZE: '0' }, 'from 1 to 4096, got "0"'],
    [{ ...whole, WORLD_SIZE: '5000' }, 'from 1 to 4096'],
    [{ ...whole, WORLD_SIZE: '1e3' }, 'WORLD_SIZE'],
    [{ ...whole, MASTER_ADDR: undefined }, 'MASTER_ADDR'],
    [{ ...whole, MASTER_ADDR: '', MASTER_PORT: undefined }, 'MASTER_ADDR, MASTER_PORT'],
    [{ ...whole, MASTER_PORT: '0' }, 'from 1 to 65535, got "0"'],
    [{ ...whole, MASTER_PORT: '65536' }, 'MASTER_PORT'],
    [{ ...whole, LOCAL_RANK: '2' }, 'LOCAL_RANK'],
    [{ ...whole, LOCAL_WORLD_SIZE: '1' }, 'LOCAL_WORLD_SIZE'],
    [{ ...whole, LOCAL_WORLD_SIZE: '5' }, 'LOCAL_WORLD_SIZE'],
  ])('refuses %j', (environment, named) => {
    expect(problemOf(environment)).toMatch(/^GROUP_SETTINGS_INVALID: /);
    expect(problemOf(environment)).toContain(named);
  });
});

describe('launchEnvironments', () => {
  it('numbers all processes of all machines once', () => {
    const common = { processes: 3, nodes: 2, master: { host: '10.0.0.1', port: 29500 }, key: undefined };
    const all = [0, 1].flatMap((nodeRank) => launchEnvironments({ ...common, nodeRank }));
    const places = all.map(groupPlaceOf);
    expect(places.map((place) => place?.rank)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(places.map((place) => place?.localRank)).toEqual([0, 1, 2, 0, 1, 2]);
    for (const place of places) expect(place).toMatchObject({ worldSize: 6, localWorldSize: 3, master: common.master });
    expect(all.some((each) => 'ESPALIER_GROUP_KEY' in each)).toBe(false);
  });

  it('gives them a key where there is one', () => {
    const master = { host: '127.0.0.1', port: 1 };
    const [first] = launchEnvironments({ processes: 1, nodes: 1, nodeRank: 0, master, key: 'a key' });
    expect(first).toMatchObject({ ESPALIER_GROUP_KEY: 'a key' });
  });
});
