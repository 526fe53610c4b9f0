import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { EspalierError, messageOf } from '../../core/index.ts';
import { loadNative, type Pointer } from '../../native/index.ts';
import { silenceTelemetry } from './silence-telemetry.ts';

/** The platform, and the places where the library is searched. Tests pass those of another machine. */
export interface LibraryPlace {
  readonly override: string | undefined;
  readonly platform: string;
  readonly arch: string;
  /** Folder of the package onnxruntime-node; undefined if the package is not installed. */
  readonly packageFolder: string | undefined;
}

/**
 * The lowest API version that Espalier can use. Functions of later versions are marked in `signatures.ts`. WHY 20: since then, the library
 * reads external weights for models that are loaded from bytes (`session.model_external_initializers_file_folder_path`), and its
 * GroupQueryAttention accepts a prompt in several chunks.
 */
export const neededApiVersion = 20;

const fileNames: Readonly<Record<string, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
};

/** This machine, and the library that the environment variable `ESPALIER_ORT_LIBRARY` names, if it is set. */
export function systemPlace(): LibraryPlace {
  const { platform, arch } = process;
  return { override: process.env['ESPALIER_ORT_LIBRARY'] || undefined, platform, arch, packageFolder: packageFolder() };
}

/**
 * The path of the library to load.
 *
 * @throws EspalierError ORT_LIBRARY_MISSING if the file does not exist, ORT_PLATFORM_UNSUPPORTED if the package has no library for this
 *   platform
 */
export function findLibrary(place: LibraryPlace): string {
  if (place.override !== undefined) return existing(place.override);
  if (place.packageFolder === undefined) {
    throw new EspalierError('ORT_LIBRARY_MISSING', { path: 'node_modules/onnxruntime-node' });
  }
  const fileName = fileNames[place.platform];
  const folder = join(place.packageFolder, 'bin', 'napi-v6', place.platform, place.arch);
  if (fileName === undefined || !existsSync(folder)) {
    throw new EspalierError('ORT_PLATFORM_UNSUPPORTED', { platform: `${place.platform}-${place.arch}` });
  }
  return existing(join(folder, fileName));
}

/** A loaded library: its version, and the address of its function table. */
export interface LoadedLibrary {
  readonly path: string;
  readonly version: string;
  /** The newest version of the API that the library has. The table has the functions of all versions up to it. */
  readonly apiVersion: number;
  readonly table: Pointer;
  /** Must be referenced as long as the table is used: when the handle is garbage-collected, the library is unloaded. */
  readonly library: LibraryHandle;
}

/**
 * Loads a library and gets its function table of version `neededApiVersion`. The library stays loaded as long as the result is referenced.
 *
 * @throws EspalierError ORT_LIBRARY_UNUSABLE, ORT_VERSION_TOO_OLD
 */
export function loadLibrary(path: string, apiVersion = neededApiVersion): LoadedLibrary {
  const { library, base } = apiBase(path);
  const getApi = koffi.decode(koffi.decode(base, 0, 'void *'), koffi.proto('void *', ['uint32_t']));
  const getVersion = koffi.decode(koffi.decode(base, 8, 'void *'), koffi.proto('str', []));
  const version = String(getVersion());
  // WHY the comparison: for a version that the library does not support, it returns null but also prints to stderr.
  const newest = Number(version.split('.')[1]);
  const table = newest >= apiVersion ? getApi(apiVersion) : null;
  if (typeof table !== 'bigint') {
    throw new EspalierError('ORT_VERSION_TOO_OLD', { version, path, needed: `1.${apiVersion}.0` });
  }
  return { path, version, apiVersion: newest, table, library };
}

function apiBase(path: string): { library: LibraryHandle; base: Pointer } {
  silenceTelemetry();
  try {
    const library: LibraryHandle = loadNative(path);
    const base: unknown = library.func('OrtGetApiBase', 'void *', [])();
    if (typeof base === 'bigint') return { library, base };
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EspalierError('ORT_LIBRARY_UNUSABLE', { path, reason }, { cause });
  }
  throw new EspalierError('ORT_LIBRARY_UNUSABLE', { path, reason: 'it gives no function table' });
}

function existing(path: string): string {
  if (!existsSync(path)) throw new EspalierError('ORT_LIBRARY_MISSING', { path });
  return path;
}

function packageFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch {
    return undefined;
  }
}
