import { describe, expect, it } from 'vitest';
import { familyOf, handlesOf, loadMpi, mpiCandidates } from './mpi-library.ts';

describe('the library of MPI', () => {
  it.each([
    ['Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4', 0, 'open-mpi'],
    ['MPICH Version:\t4.0.2', 0, 'mpich'],
    ['Intel(R) MPI Library 2021.11 for Linux* OS', 0, 'mpich'],
    ['MVAPICH2 Version      :\t2.3.7', 0, 'mpich'],
    ['MPICH Version: 5.0.0', 1, 'abi'],
    ['Some MPI 1.0', 0, undefined],
  ] as const)('of %j, with version %i of the ABI, takes the handles of %s', (version, abi, family) => {
    expect(familyOf({ version, abi })).toBe(family);
  });

  it('has handles that are addresses only where it is Open MPI', () => {
    const address = (name: string): bigint => BigInt(name.length);
    expect(handlesOf('open-mpi', address)).toMatchObject({
      type: 'uintptr_t',
      world: 19n,
      byte: 13n,
      statusIgnore: 0n,
    });
    const none = (name: string): bigint => {
      throw new Error(name);
    };
    expect(handlesOf('mpich', none)).toMatchObject({ type: 'int', world: 0x44000000, statusIgnore: 1n });
    expect(handlesOf('abi', none)).toMatchObject({ type: 'uintptr_t', world: 0x101, byte: 0x247 });
  });

  it('is searched first as the launcher has it', () => {
    expect(mpiCandidates(true)[0]).toBe('libmpi.so.40');
    expect(mpiCandidates(false)[0]).toBe('libmpich.so.12');
    expect(new Set(mpiCandidates(true))).toEqual(new Set(mpiCandidates(false)));
  });

  it('says what is wrong with each file, if there is none', () => {
    const problems = loadMpi(['libespalier-none.so.1', 'libc.so.6']);
    expect(problems).toContain('libespalier-none.so.1');
    expect(problems).toContain('MPI_Get_library_version');
  });
});
