import { EspalierError, messageOf } from '../core/index.ts';
import { loadNative } from './load-native.js';
import type { MpiLibrary } from './mpi-library.ts';

/** A message that is on its way. Its bytes must not change, or be used, until it is done. */
export interface MpiRequest {
  /** The library's handle, which is that of no message when this one is done. */
  readonly slot: BigUint64Array;
  /** WHY kept here: the library has no more than their address. */
  readonly bytes: Uint8Array;
}

/** MPI_THREAD_SERIALIZED, the same number in every library: any thread may call, one at a time. */
const serialized = 2;

/**
 * The calls of MPI that are used, on its communicator of all processes. Those that wait run on a thread of their own, and the others return
 * at once. Only one may be under way at a time.
 */
export class Mpi {
  readonly version: string;
  readonly #calls: ReturnType<typeof bind>;
  readonly #handles: MpiLibrary['handles'];
  readonly #flag = new Int32Array(1);

  constructor(library: MpiLibrary) {
    this.version = library.version;
    this.#handles = library.handles;
    this.#calls = bind(library);
  }

  /** @returns what is wrong, if something is. Waits for all other processes of the launcher. */
  async open(): Promise<string | undefined> {
    const [flag, provided] = [new Int32Array(1), new Int32Array(1)];
    this.#calls.initialized(flag);
    if (flag[0] !== 0) return 'this process has joined its group before, which MPI allows once';
    const code = await new Promise<number>((resolve, reject) => {
      this.#calls.initThread.async(null, null, serialized, provided, (error: unknown, result: number) =>
        error === null || error === undefined ? resolve(result) : reject(new Error(messageOf(error))),
      );
    });
    if (code !== 0) return `MPI_Init_thread ended with ${code}`;
    this.#check(
      'MPI_Comm_set_errhandler',
      this.#calls.setErrorHandler(this.#handles.world, this.#handles.errorsReturn),
    );
    const level = provided[0] ?? 0;
    return level >= serialized
      ? undefined
      : `${this.version} lets only one thread of a process call it (level ${level})`;
  }

  /** The number of this process, and of how many. */
  place(): { readonly rank: number; readonly worldSize: number } {
    const [rank, size] = [new Int32Array(1), new Int32Array(1)];
    this.#check('MPI_Comm_rank', this.#calls.rank(this.#handles.world, rank));
    this.#check('MPI_Comm_size', this.#calls.size(this.#handles.world, size));
    return { rank: rank[0] ?? 0, worldSize: size[0] ?? 0 };
  }

  /** @throws EspalierError GROUP_MPI_FAILED */
  send(bytes: Uint8Array, to: number, tag: number): MpiRequest {
    const { world, byte } = this.#handles;
    const slot = new BigUint64Array(1);
    this.#check('MPI_Isend', this.#calls.send(stable(bytes), bytes.byteLength, byte, to, tag, world, slot));
    return { slot, bytes };
  }

  /** @param bytes  for the message, which may be shorter @throws EspalierError GROUP_MPI_FAILED */
  receive(bytes: Uint8Array, from: number, tag: number): MpiRequest {
    const { world, byte } = this.#handles;
    const slot = new BigUint64Array(1);
    this.#check('MPI_Irecv', this.#calls.receive(stable(bytes), bytes.byteLength, byte, from, tag, world, slot));
    return { slot, bytes };
  }

  /** Whether a message has gone, or has come. Also moves all others on. @throws EspalierError GROUP_MPI_FAILED */
  isDone({ slot }: MpiRequest): boolean {
    this.#check('MPI_Test', this.#calls.test(slot, this.#flag, this.#handles.statusIgnore));
    return this.#flag[0] !== 0;
  }

  /** Takes back that a message is waited for. It is done soon after. */
  cancel({ slot }: MpiRequest): void {
    this.#check('MPI_Cancel', this.#calls.cancel(slot));
  }

  /** Leaves. Waits for all others. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#calls.finalize.async(() => resolve());
    });
  }

  #check(call: string, code: number): void {
    if (code === 0) return;
    const [text, length] = [Buffer.alloc(1024), new Int32Array(1)];
    this.#calls.errorText(code, text, length);
    const problem = text.toString('utf8', 0, Math.min(length[0] ?? 0, text.length)).trim() || `it returned ${code}`;
    throw new EspalierError('GROUP_MPI_FAILED', { call, problem });
  }
}

/** Ends the process at once. WHY: a thread that waits in the library keeps Node from ending it. */
export function exitAtOnce(code: number): void {
  loadNative('libc.so.6').func('_exit', 'void', ['int'])(code);
}

/** WHY: a small array lies where V8 moves it, until its buffer is asked for. */
function stable(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength >= 0 ? bytes : new Uint8Array();
}

function bind({ library, handles }: MpiLibrary) {
  const { type } = handles;
  const message = ['void *', 'int', type, 'int', 'int', type, 'void *'];
  const call = (name: string, parameters: string[]) => library.func(name, 'int', parameters);
  return {
    initialized: call('MPI_Initialized', ['void *']),
    initThread: call('MPI_Init_thread', ['void *', 'void *', 'int', 'void *']),
    setErrorHandler: call('MPI_Comm_set_errhandler', [type, type]),
    rank: call('MPI_Comm_rank', [type, 'void *']),
    size: call('MPI_Comm_size', [type, 'void *']),
    send: call('MPI_Isend', message),
    receive: call('MPI_Irecv', message),
    test: call('MPI_Test', ['void *', 'void *', 'void *']),
    cancel: call('MPI_Cancel', ['void *']),
    finalize: call('MPI_Finalize', []),
    errorText: call('MPI_Error_string', ['int', 'void *', 'void *']),
  };
}
