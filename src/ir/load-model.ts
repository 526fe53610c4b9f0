import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EspalierError } from '../core/index.ts';
import { checkExternalData } from './external-data.ts';
import type { Model } from './model.ts';
import { decodeModel } from './onnx/decode.ts';
import { verifyModel } from './verify.ts';

/**
 * Reads an ONNX file, verifies its graph, and checks that its external weights lie in its folder. The weights are not read.
 * @throws EspalierError FILE_NOT_FOUND; the errors of `decodeModel`, `verifyModel` and `checkExternalData`
 */
export async function loadModel(path: string): Promise<Model> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'ONNX model', path }, { cause });
  });
  const model = decodeModel(bytes, { what: path });
  verifyModel(model);
  await checkExternalData(model, dirname(path));
  return model;
}
