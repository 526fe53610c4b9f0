import { EspalierError } from '../../core/index.ts';
import type { AdapterContents } from '../source/adapter-source.ts';
import { readStable, type SourceOptions } from '../source/read-stable.ts';
import { magic } from './bin/bin-layout.ts';
import { adapterFolder, noAdapterFile, noAdapterIn } from './explain-adapter.ts';
import { onnxAdapterIdentifier } from './onnx/onnx-adapter-format.ts';
import { configFile, peftFiles } from './peft/read-peft-config.ts';

/** The formats of adapters: PEFT's folder, ONNX Runtime's FlatBuffers, Espalier's flat floats, llama.cpp's GGUF. */
export type AdapterFormat = 'peft' | 'onnx' | 'bin' | 'gguf';

/**
 * The format of the adapter at a path, detected by its content and not by its name.
 *
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE, ADAPTER_CHANGING, ADAPTER_FORM_FOREIGN, ADAPTER_FORMAT_UNKNOWN
 */
export async function detectFormat(path: string, options: SourceOptions = {}): Promise<AdapterFormat> {
  return readStable(await adapterFolder(path), { ...options, files: peftFiles }, formatOf);
}

/** The format of an adapter that is open. @throws EspalierError ADAPTER_FORM_FOREIGN, ADAPTER_FORMAT_UNKNOWN */
export async function formatOf(source: AdapterContents): Promise<AdapterFormat> {
  const { path } = source;
  const file = source.file();
  if (file === undefined) {
    if (source.file(configFile) !== undefined) return 'peft';
    const unknown = new EspalierError('ADAPTER_FORMAT_UNKNOWN', {
      path,
      found: 'a folder without adapter_config.json',
    });
    throw (await noAdapterIn(path)) ?? unknown;
  }
  const start = Buffer.from(await file.read(0, Math.min(magic.length, file.size)));
  if (Buffer.compare(start, magic) === 0) return 'bin';
  if (start.subarray(4).toString('latin1') === onnxAdapterIdentifier) return 'onnx';
  if (start.subarray(0, 4).toString('latin1') === 'GGUF') return 'gguf';
  const shown = start.length === 0 ? 'an empty file' : `a file that begins with ${start.toString('hex')}`;
  throw noAdapterFile(path, start) ?? new EspalierError('ADAPTER_FORMAT_UNKNOWN', { path, found: shown });
}
