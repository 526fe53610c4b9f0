import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { magic } from './bin/bin-layout.ts';
import { onnxAdapterIdentifier } from './onnx/onnx-adapter-format.ts';

/** The formats of adapters: PEFT's folder, ONNX Runtime's FlatBuffers, Espalier's flat floats, llama.cpp's GGUF. */
export type AdapterFormat = 'peft' | 'onnx' | 'bin' | 'gguf';

/**
 * The format of what lies at a path, by its content: names are chance.
 *
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_FORMAT_UNKNOWN
 */
export async function detectFormat(path: string): Promise<AdapterFormat> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'adapter', path }, { cause });
  });
  if (found.isDirectory()) {
    if (await isFile(join(path, 'adapter_config.json'))) return 'peft';
    throw new EspalierError('ADAPTER_FORMAT_UNKNOWN', { path, found: 'a folder without adapter_config.json' });
  }
  // WHY: opening a pipe or a device may wait for ever.
  if (!found.isFile()) throw new EspalierError('ADAPTER_FORMAT_UNKNOWN', { path, found: 'neither file nor folder' });
  const start = await firstBytes(path);
  if (Buffer.compare(start, magic) === 0) return 'bin';
  if (start.subarray(4).toString('latin1') === onnxAdapterIdentifier) return 'onnx';
  if (start.subarray(0, 4).toString('latin1') === 'GGUF') return 'gguf';
  const shown = start.length === 0 ? 'an empty file' : `a file that begins with ${start.toString('hex')}`;
  throw new EspalierError('ADAPTER_FORMAT_UNKNOWN', { path, found: shown });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'readable adapter file', path }, { cause });
  });
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(magic.length), 0, magic.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
