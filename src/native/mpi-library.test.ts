import { afterEach, describe, expect, it } from 'vitest';
import { loadNative } from './load-native.js';
import { familyOf, handlesOf, loadMpi, mpiCandidates } from './mpi-library.ts';

const libc = process.platform === 'linux' ? loadNative('libc.so.6') : undefined;
const hooks = process.env['UCX_MEM_EVENTS'];

describe('the library of MPI', () => {
  afterEach(() => {
    if (hooks === undefined) libc?.func('int unsetenv(str)')('UCX_MEM_EVENTS');
    else libc?.func('int setenv(str, str, int)')('UCX_MEM_EVENTS', hooks, 1);
  });

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

  it.skipIf(libc === undefined)('is loaded without the hooks of UCX, unless they are asked for', () => {
    if (libc === undefined) return;
    const [get, set] = [libc.func('str getenv(str)'), libc.func('int setenv(str, str, int)')];
    libc.func('int unsetenv(str)')('UCX_MEM_EVENTS');
    loadMpi(['libespalier-none.so.1']);
    expect(get('UCX_MEM_EVENTS')).toBe('no');
    set('UCX_MEM_EVENTS', 'yes', 1);
    loadMpi(['libespalier-none.so.1']);
    expect(get('UCX_MEM_EVENTS')).toBe('yes');
  });

  it('says what is wrong with each file, if there is none', () => {
    const problems = loadMpi(['libespalier-none.so.1', 'libc.so.6']);
    expect(problems).toContain('libespalier-none.so.1');
    expect(problems).toContain('MPI_Get_library_version');
  });
});
