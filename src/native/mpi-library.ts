import type { LibraryHandle } from 'koffi';
import { messageOf } from '../core/index.ts';
import { loadNative } from './load-native.js';
import type { Pointer } from './pointer.ts';

/** Whose handles a library of MPI takes: those of the ABI of MPI 5, or its own. */
export type MpiFamily = 'abi' | 'open-mpi' | 'mpich';

/** What the few handles are that are used. */
export interface MpiHandles {
  /** The C type of a handle. */
  readonly type: 'int' | 'uintptr_t';
  readonly world: Pointer | number;
  readonly byte: Pointer | number;
  readonly errorsReturn: Pointer | number;
  readonly statusIgnore: Pointer;
}

export interface MpiLibrary {
  readonly library: LibraryHandle;
  readonly path: string;
  /** As the library says it, in one line. */
  readonly version: string;
  readonly family: MpiFamily;
  readonly handles: MpiHandles;
}

/**
 * Names under which systems have their libraries: first the ABI of MPI 5, then Open MPI's and MPICH's. WHY versions: without one, the file
 * belongs to the packages for developers.
 */
const abiNames = ['libmpi_abi.so.0', 'libmpi_abi.so'];
const openMpiNames = ['libmpi.so.40', 'libmpi.so'];
const mpichNames = ['libmpich.so.12', 'libmpi.so.12', 'libmpich.so', 'libmpi.so'];

/** Files to try, the likeliest first. Pure function. @param isOpenMpi  whether the launcher is that of Open MPI */
export function mpiCandidates(isOpenMpi: boolean): readonly string[] {
  const own = isOpenMpi ? openMpiNames : mpichNames;
  const others = isOpenMpi ? mpichNames : openMpiNames;
  // WHY the own ones first: a machine may have both, and only that of the launcher sees the other processes.
  return [...new Set([...own, ...abiNames, ...others])];
}

/** The first of the files that is a library of MPI, or why none is. */
export function loadMpi(candidates: readonly string[]): MpiLibrary | string {
  const problems: string[] = [];
  for (const path of candidates) {
    const loaded = attempt(path);
    if (typeof loaded !== 'string') return loaded;
    problems.push(loaded);
  }
  return problems.join('; ');
}

function attempt(path: string): MpiLibrary | string {
  try {
    leaveBreakAlone();
    keepLoaded(path);
    const library = loadNative(path);
    const version = versionOf(library);
    const family = familyOf({ version, abi: abiVersionOf(library) });
    if (family === undefined) return `${path} is ${version}, whose handles are not known`;
    return { library, path, version, family, handles: handlesOf(family, (name) => addressOf(library, name)) };
  } catch (error) {
    return `${path}: ${messageOf(error)}`;
  }
}

/** Whose handles a library takes, by its text, and by the major version of the ABI that it says to have. Pure function. */
export function familyOf({ version, abi }: { readonly version: string; readonly abi: number }): MpiFamily | undefined {
  if (abi >= 1) return 'abi';
  if (/\bOpen MPI\b/i.test(version)) return 'open-mpi';
  // Descendants of MPICH that keep its handles.
  if (/\bMPICH\b|Intel\(R\) MPI|MVAPICH/i.test(version)) return 'mpich';
  return undefined;
}

/** @param address  of a symbol of the library. @see MPI 5.0, appendix A.1.1, and `mpi.h` of Open MPI and MPICH */
export function handlesOf(family: MpiFamily, address: (symbol: string) => Pointer): MpiHandles {
  switch (family) {
    case 'abi':
      return { type: 'uintptr_t', world: 0x101, byte: 0x247, errorsReturn: 0x143, statusIgnore: 0n };
    case 'mpich':
      return { type: 'int', world: 0x44000000, byte: 0x4c00010d, errorsReturn: 0x54000001, statusIgnore: 1n };
    case 'open-mpi':
      return {
        type: 'uintptr_t',
        world: address('ompi_mpi_comm_world'),
        byte: address('ompi_mpi_byte'),
        errorsReturn: address('ompi_mpi_errors_return'),
        statusIgnore: 0n,
      };
  }
}

/**
 * Keeps UCX, through which MPI may send, from trying its hooks of memory when it is loaded. WHY: it moves the end of the heap up by a page
 * and back without the lock of `malloc`. Where another thread has taken memory in between, its page is gone, and Node ended with SIGSEGV in
 * about one start of fifty (UCX 1.13.1 below MPICH 4.0.2). Without hooks UCX does not keep memory registered with network cards between two
 * messages. Whoever has set the variable has the last word. WHY not `process.env`: it is a copy in a worker thread.
 */
function leaveBreakAlone(): void {
  loadNative('libc.so.6').func('setenv', 'int', ['str', 'str', 'int'])('UCX_MEM_EVENTS', 'no', 0);
}

const bindNow = 0x2;
const forAll = 0x100;
const neverUnload = 0x1000;

/**
 * Loads a library for good. WHY: Open MPI's threads run on when the process ends, and koffi unloads what it has loaded, so that they would
 * run into nothing. WHY for all: its plug-ins search their functions among those of the process.
 */
function keepLoaded(path: string): void {
  const open = loadNative('libc.so.6').func('dlopen', 'void *', ['str', 'int']);
  open(path, bindNow | forAll | neverUnload);
}

function versionOf(library: LibraryHandle): string {
  const [text, length] = [Buffer.alloc(8192), new Int32Array(1)];
  library.func('MPI_Get_library_version', 'int', ['void *', 'void *'])(text, length);
  const whole = text.toString('utf8', 0, Math.min(length[0] ?? 0, text.length));
  return (whole.replaceAll('\0', '').split('\n')[0] ?? '').replaceAll('\t', ' ').trim();
}

/** The major version of the ABI; 0 if the library has handles of its own. */
function abiVersionOf(library: LibraryHandle): number {
  let get;
  try {
    get = library.func('MPI_Abi_get_version', 'int', ['void *', 'void *']);
  } catch {
    return 0;
  }
  const [major, minor] = [new Int32Array(1), new Int32Array(1)];
  return get(major, minor) === 0 ? (major[0] ?? 0) : 0;
}

function addressOf(library: LibraryHandle, name: string): Pointer {
  const address: unknown = library.symbol(name);
  if (typeof address !== 'bigint') throw new TypeError(`${name} has no address`);
  return address;
}
