import { EspalierError } from '../../core/index.ts';
import type { AdapterFile } from '../source/adapter-source.ts';
import type { SourceOptions } from '../source/read-stable.ts';
import { parseBinAdapter, readBinHeader } from './bin/bin-read.ts';
import type { AdapterFormat } from './detect-format.ts';
import { ggufStructure, readGgufAdapter, type AttentionHeads } from './gguf/gguf-adapter.ts';
import { readGgufHeader } from './gguf/gguf-format.ts';
import { onnxStructure, type OnnxNames } from './onnx/onnx-adapter.ts';
import { readStored, type StoredAdapter, type StoredStructure } from './stored-adapter.ts';

/** Formats of which an adapter is one file. */
export type FileFormat = Exclude<AdapterFormat, 'peft'>;

/** What the formats need to be told. */
export interface ReadOptions extends OnnxNames, SourceOptions {
  /** Of the base: without them some GGUF files cannot be read. */
  readonly heads?: AttentionHeads | undefined;
}

/** Where the offsets of an .onnx_adapter end. */
const maxOnnxBytes = 2 ** 31;

/**
 * What an adapter's file says before its numbers. Of an .onnx_adapter the whole file is read, because its tables may lie anywhere in it.
 *
 * @throws EspalierError those of the format
 */
export async function fileStructure(
  file: AdapterFile,
  format: FileFormat,
  options: ReadOptions,
): Promise<StoredStructure> {
  switch (format) {
    case 'onnx':
      return onnxStructure(await readOnnxBytes(file), file.path, options);
    case 'bin':
      return readBinHeader(file);
    case 'gguf':
      return ggufStructure(await readGgufHeader(file), file.path, options.heads);
  }
}

async function readOnnxBytes(file: AdapterFile): Promise<Uint8Array> {
  if (file.size <= maxOnnxBytes) return file.read(0, file.size);
  const reason = `it has ${file.size} bytes, its offsets reach ${maxOnnxBytes}`;
  throw new EspalierError('ONNX_ADAPTER_MALFORMED', { path: file.path, reason });
}

interface Known {
  readonly format: FileFormat;
  readonly options: ReadOptions;
  readonly structure: StoredStructure;
}

/** The whole adapter of a file whose structure is known. @throws EspalierError those of the format */
export async function readWhole(file: AdapterFile, { format, options, structure }: Known): Promise<StoredAdapter> {
  if (format === 'onnx') return readStored(structure);
  const bytes = await file.read(0, structure.end);
  return format === 'bin' ? parseBinAdapter(bytes, file.path) : readGgufAdapter(bytes, file.path, options.heads);
}
