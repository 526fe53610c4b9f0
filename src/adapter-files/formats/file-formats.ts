import { EspalierError } from '../../core/index.ts';
import type { AdapterFile, FolderFiles } from '../source/adapter-source.ts';
import type { SourceOptions } from '../source/read-stable.ts';
import { parseBinAdapter, readBinHeader } from './bin/bin-read.ts';
import type { AdapterFormat } from './detect-format.ts';
import { ggufStructure, readGgufAdapter, type AttentionHeads } from './gguf/gguf-adapter.ts';
import { readGgufHeader } from './gguf/gguf-format.ts';
import { onnxStructure, type OnnxNames } from './onnx/onnx-adapter.ts';
import { readStored, type StoredAdapter, type StoredStructure } from './stored-adapter.ts';

/** Formats in which an adapter is one file. */
export type FileFormat = Exclude<AdapterFormat, 'peft'>;

/** Options of the formats. */
export interface ReadOptions extends OnnxNames, SourceOptions {
  /** The heads of the base. Without them some GGUF files cannot be read. */
  readonly heads?: AttentionHeads | undefined;
  /** Further files of a PEFT folder, which are read in the same state as its weights. */
  readonly companions?: CompanionFiles | undefined;
}

/** Files of a folder of which each may be missing. */
export type CompanionFiles = Pick<FolderFiles, 'optional' | 'inner'>;

/** The largest offset in an .onnx_adapter. */
const maxOnnxBytes = 2 ** 31;

/**
 * The structure of an adapter's file, without its numbers. An .onnx_adapter is read as a whole, because its tables may be anywhere in
 * the file.
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
  if (file.size <= maxOnnxBytes) return file.readShared(0, file.size);
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
  const bytes = await file.readShared(0, structure.end);
  return format === 'bin' ? parseBinAdapter(bytes, file.path) : readGgufAdapter(bytes, file.path, options.heads);
}
