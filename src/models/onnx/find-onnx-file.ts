import { stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';

import { EspalierError, graphPlaces } from '../../core/index.ts';

/** An ONNX file, and the folder that its configuration and tokenizer lie in. */
export interface OnnxFile {
  readonly path: string;
  /** The folder of the whole model: that of the file, or the one around it where the file lies in `onnx/`. */
  readonly dir: string;
  /** The path from `dir` to the file's own folder, with '/' at its end; '' where they are one. */
  readonly prefix: string;
}

/** Whether a path is for `openOnnxModel`: an .onnx file, or a folder that holds one and no safetensors checkpoint. */
export async function isOnnxPath(path: string): Promise<boolean> {
  if (path.endsWith('.onnx')) return true;
  for (const name of ['model.safetensors', 'model.safetensors.index.json']) {
    if (await isFile(join(path, name))) return false;
  }
  return (await findInFolder(path)) !== undefined;
}

/** @throws EspalierError FILE_NOT_FOUND */
export async function findOnnxFile(path: string): Promise<OnnxFile> {
  const file = path.endsWith('.onnx') ? path : await findInFolder(path);
  if (file === undefined || !(await isFile(file)))
    throw new EspalierError('FILE_NOT_FOUND', { what: 'ONNX model', path });
  const own = dirname(file);
  const isInside = basename(own) === 'onnx' && (path !== file || (await hasConfiguration(dirname(own))));
  const dir = isInside ? dirname(own) : own;
  const inner = relative(dir, own).split(sep).join('/');
  return { path: file, dir, prefix: inner === '' ? '' : `${inner}/` };
}

async function findInFolder(dir: string): Promise<string | undefined> {
  for (const place of graphPlaces) {
    const path = join(dir, place);
    if (await isFile(path)) return path;
  }
  return undefined;
}

async function hasConfiguration(dir: string): Promise<boolean> {
  return (await isFile(join(dir, 'config.json'))) || (await isFile(join(dir, 'genai_config.json')));
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
