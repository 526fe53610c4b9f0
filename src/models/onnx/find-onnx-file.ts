import { basename, dirname, join, relative, sep } from 'node:path';

import { EspalierError, graphPlaces, isFile } from '../../core/index.ts';

/** An ONNX file, and the folder with its configuration and tokenizer. */
export interface OnnxFile {
  readonly path: string;
  /** The folder of the whole model. It is the folder of the file, or its parent when the file is in `onnx/`. */
  readonly dir: string;
  /** The path from `dir` to the folder of the file, with '/' at its end; '' when both are the same. */
  readonly prefix: string;
}

/** Whether `openOnnxModel` can open a path: it is an .onnx file, or a folder with one and without a safetensors checkpoint. */
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
