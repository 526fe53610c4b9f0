import { findLibrary, type LoadedLibrary, loadLibrary, systemPlace } from './library.ts';
import { bindOrtApi, type OrtApi } from './ort-api.ts';
import type { Pointer } from '../../native/index.ts';

/** The library, and the objects that all of its users share. */
export interface Ort {
  readonly library: LoadedLibrary;
  readonly api: OrtApi;
  readonly version: string;
  /** OrtMemoryInfo of the host. */
  readonly hostMemory: Pointer;
  /** The library's default allocator, which frees the strings that the library returns. */
  readonly allocator: Pointer;
}

// WHY module state: a shared library is loaded once in a process and cannot be unloaded safely. The same holds for these two objects.
let loaded: Ort | undefined;

/**
 * The library, loaded at first use.
 *
 * @throws EspalierError ORT_LIBRARY_MISSING, ORT_PLATFORM_UNSUPPORTED, ORT_LIBRARY_UNUSABLE, ORT_VERSION_TOO_OLD
 */
export function ort(): Ort {
  loaded ??= openOrt();
  return loaded;
}

const received = new BigUint64Array(1);

/** The pointer (or size) that a function writes to its last argument. */
export function receive(call: (result: BigUint64Array) => void): Pointer {
  received[0] = 0n;
  call(received);
  return received[0];
}

function openOrt(): Ort {
  const library = loadLibrary(findLibrary(systemPlace()));
  const api = bindOrtApi(library);
  const [deviceAllocator, defaultMemory] = [0, 0];
  return {
    library,
    api,
    version: library.version,
    hostMemory: receive((out) => api.CreateCpuMemoryInfo(deviceAllocator, defaultMemory, out)),
    allocator: receive((out) => api.GetAllocatorWithDefaultOptions(out)),
  };
}
