import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../../../core/index.ts';
import { parsePeftConfig, type PeftConfig } from './peft-config.ts';

export const configFile = 'adapter_config.json';

/** Adapters come from anywhere, also while serving; a configuration has a few kilobytes. */
const maxConfigBytes = 1_000_000;

export interface ReadPeftConfig extends PeftConfig {
  readonly path: string;
  /** The file's content. */
  readonly bytes: Uint8Array;
}

/**
 * Reads the configuration of a PEFT folder.
 * @throws EspalierError FILE_NOT_FOUND, LORA_CONFIG_INVALID, LORA_CONFIG_UNSUPPORTED
 */
export async function readPeftConfig(dir: string): Promise<ReadPeftConfig> {
  const path = join(dir, configFile);
  const bytes = await readAdapterFile(path, (size) => {
    if (size > maxConfigBytes) throw invalid(path, new RangeError(`it has more than ${maxConfigBytes} bytes`));
  });
  return { ...parsePeftConfig(parseJson(bytes, path), path), path, bytes };
}

/**
 * Reads a whole file of an adapter's folder.
 *
 * @param check  is told the size before anything is read
 * @throws EspalierError FILE_NOT_FOUND where there is no ordinary file that can be read
 */
export async function readAdapterFile(path: string, check?: (size: number) => void): Promise<Uint8Array> {
  const missing = (cause?: unknown): EspalierError =>
    new EspalierError('FILE_NOT_FOUND', { what: 'readable adapter file', path }, { cause });
  const found = await stat(path).catch((cause: unknown) => {
    throw missing(cause);
  });
  // WHY: reading a pipe may wait for ever, and a device may never end.
  if (!found.isFile()) throw missing();
  check?.(found.size);
  return readFile(path).catch((cause: unknown) => {
    throw missing(cause);
  });
}

function parseJson(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(path, cause);
  }
}

function invalid(path: string, cause: unknown): EspalierError {
  const problems = cause instanceof Error ? cause.message : String(cause);
  return new EspalierError('LORA_CONFIG_INVALID', { path, problems }, { cause });
}
