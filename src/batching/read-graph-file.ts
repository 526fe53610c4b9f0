import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EspalierError } from '../core/index.ts';
import { checkExternalData, decodeModel, verifyModel, type Model } from '../ir/index.ts';

/** The bytes of an ONNX file. They are read once, so the graph that runs is the graph that was checked, even if the file is replaced. */
export interface GraphFile {
  readonly path: string;
  /** The folder of its external weights. */
  readonly folder: string;
  readonly bytes: Uint8Array;
  /** The verified graph. To change it, decode the bytes again. */
  readonly model: Model;
}

/**
 * Reads an ONNX file, verifies its graph, and checks that its weights are in its folder.
 * @throws EspalierError FILE_NOT_FOUND, and the errors of `decodeModel`, `verifyModel` and `checkExternalData`
 */
export async function readGraphFile(path: string): Promise<GraphFile> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'ONNX model', path }, { cause });
  });
  const model = decodeModel(bytes, { what: path });
  verifyModel(model);
  const folder = dirname(path);
  await checkExternalData(model, folder);
  return { path, folder, bytes, model };
}
