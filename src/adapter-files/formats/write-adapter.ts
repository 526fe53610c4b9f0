import { savePeftAdapter } from './peft/save-peft-adapter.ts';
import { stat } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';
import { writeAtomically } from '../../atomic-files/index.ts';
import { formatBinAdapter } from './bin/bin-write.ts';
import type { AdapterFormat } from './detect-format.ts';
import { writeOnnxAdapter, type OnnxNames } from './onnx/onnx-adapter.ts';
import type { StoredAdapter } from './stored-adapter.ts';

/** Formats that are written. GGUF can only be read. */
export type WrittenFormat = Exclude<AdapterFormat, 'gguf'>;

export interface WriteAdapterOptions extends OnnxNames {
  readonly format: WrittenFormat;
  /** Whether to replace existing output. */
  readonly replace?: boolean;
}

/**
 * Writes an adapter in a format, completely or not at all.
 *
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_NOT_OURS, DISK_FULL, ADAPTER_NOT_EXPRESSIBLE, ADAPTER_NAMES_UNKNOWN; nothing was changed then
 */
export async function writeAdapter(
  path: string,
  adapter: StoredAdapter,
  { format, replace = false, ...names }: WriteAdapterOptions,
): Promise<void> {
  if (format === 'peft') return savePeftAdapter(path, adapter, { replace });
  if (replace && (await stat(path).catch(() => undefined))?.isDirectory())
    throw new EspalierError('OUTPUT_NOT_OURS', { path, kind: 'file', reason: 'it is a folder' });
  const bytes = format === 'bin' ? await formatBinAdapter(adapter) : await writeOnnxAdapter(adapter, names);
  await writeAtomically(path, (handle) => handle.writeFile(bytes), { replace });
}
