import { readFile } from 'node:fs/promises';
import { breathe, EspalierError } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import { loadPeftAdapter, type LoadAdapterOptions } from './peft/load-peft-adapter.ts';
import type { Adapter } from '../../lora/index.ts';
import { assertFinite } from '../../tensor/index.ts';
import { parseBinAdapter } from './bin/bin-read.ts';
import { adapterDigest } from '../identity.ts';
import { checkBase } from './check-base.ts';
import { detectFormat, type AdapterFormat } from './detect-format.ts';
import { readGgufAdapter, type AttentionHeads } from './gguf/gguf-adapter.ts';
import { readOnnxAdapter, type OnnxNames } from './onnx/onnx-adapter.ts';
import { baseToldByPeft } from './peft/peft-modules.ts';
import type { StoredAdapter } from './stored-adapter.ts';

/** What the formats need to be told. */
export interface ReadOptions extends OnnxNames {
  /** Of the base: without them some GGUF files cannot be read. */
  readonly heads?: AttentionHeads | undefined;
}

/** An adapter from a file of any format. */
export interface ReadAdapter extends Adapter {
  readonly format: AdapterFormat;
}

/**
 * Reads an adapter of any format and checks it against its base: nothing may be missing, unexpected or mis-shaped, and no
 * number may be NaN or infinite.
 *
 * @param modules  what the base can adapt
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_FORMAT_UNKNOWN, LORA_BASE_MISMATCH, TENSOR_NOT_FINITE, and those of the
 *   format: LORA_* and SAFETENSORS_* (PEFT), ONNX_ADAPTER_MALFORMED, BIN_ADAPTER_MALFORMED, GGUF_*, ADAPTER_NAMES_UNKNOWN
 */
export async function loadAdapter(
  path: string,
  modules: readonly AdaptableModule[],
  options: ReadOptions & LoadAdapterOptions = {},
): Promise<ReadAdapter> {
  const format = await detectFormat(path);
  if (format === 'peft') return { format, ...(await loadPeftAdapter(path, modules, options)) };
  const read = await readFileOf(path, format, options);
  return { ...read, modules: checkBase(read, { path, modules }) };
}

/**
 * Reads an adapter of any format by itself, as far as it can be checked without its base.
 *
 * @throws EspalierError as `loadAdapter`
 */
export async function readAdapter(path: string, options: ReadOptions = {}): Promise<ReadAdapter> {
  const format = await detectFormat(path);
  if (format === 'peft') {
    const { modules, weights } = await baseToldByPeft(path);
    return { format, ...(await loadPeftAdapter(path, modules, { weights })) };
  }
  return readFileOf(path, format, options);
}

async function readFileOf(path: string, format: 'onnx' | 'bin' | 'gguf', options: ReadOptions): Promise<ReadAdapter> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'readable adapter file', path }, { cause });
  });
  const stored = await parse(bytes, { path, format, options });
  for (const [module, { a, b }] of stored.modules) {
    await breathe();
    await assertFinite(a, `A of ${module} in ${path}`);
    await assertFinite(b, `B of ${module} in ${path}`);
  }
  return { format, ...stored, digest: await adapterDigest(stored) };
}

interface Parsing {
  readonly path: string;
  readonly format: 'onnx' | 'bin' | 'gguf';
  readonly options: ReadOptions;
}

function parse(bytes: Uint8Array, { path, format, options }: Parsing): Promise<StoredAdapter> {
  switch (format) {
    case 'onnx':
      return readOnnxAdapter(bytes, path, options);
    case 'bin':
      return parseBinAdapter(bytes, path);
    case 'gguf':
      return readGgufAdapter(bytes, path, options.heads);
  }
}
