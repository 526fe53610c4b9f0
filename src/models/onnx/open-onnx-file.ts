import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { checkExternalData, decodeModel, verifyModel, type Model } from '../../ir/index.ts';
import type { StoredTensors } from '../stored-tensors.ts';
import type { WeightRef } from '../weight-ref.ts';
import { isFile } from '../../core/index.ts';
import { findOnnxFile, type OnnxFile } from './find-onnx-file.ts';
import type { OnnxSource } from './graph-copy.ts';
import { placeWeights } from './place-weights.ts';
import { storedConstants } from './stored-constants.ts';

/** An ONNX file that was read and checked. Its large weights stay in their files. */
export interface OnnxFileModel extends OnnxSource {
  /** The locations of weights are relative to this folder. */
  readonly dir: string;
  readonly weights: ReadonlyMap<string, WeightRef>;
  /** All constants of the graph. */
  readonly stored: StoredTensors;
}

/**
 * Reads an ONNX file and checks it, whatever its task is. It does not read weights: large weights inside the file become references
 * to parts of the file.
 *
 * @throws EspalierError FILE_NOT_FOUND, IR_MALFORMED, IR_INVALID, IR_EXTERNAL_DATA
 */
export async function openOnnxFile(given: string): Promise<OnnxFileModel> {
  return openPlaced(await findOnnxFile(given));
}

/** Opens another file in the folder of an opened one, so that both are parts of one base. */
export async function openBeside({ path, dir }: OnnxFileModel, name: string): Promise<OnnxFileModel | undefined> {
  const own = dirname(path);
  const beside = join(own, name);
  return (await isFile(beside)) ? openPlaced({ path: beside, dir, prefix: own === dir ? '' : 'onnx/' }) : undefined;
}

async function openPlaced({ path, dir, prefix }: OnnxFile): Promise<OnnxFileModel> {
  const bytes = await readFile(path);
  const model = decodeModel(bytes, { what: path });
  verifyModel(model);
  await checkExternalData(model, dirname(path));
  placeWeights(model, { bytes, location: prefix + basename(path), prefix });
  return { model, path, dir, weights: floatWeights(model), stored: storedConstants(model) };
}

/** The folder and the weights of a base in this file. */
export function places({ dir, weights, stored }: OnnxFileModel): Pick<OnnxFileModel, 'dir' | 'weights' | 'stored'> {
  return { dir, weights, stored };
}

/** The float weights in files. They can be checked for NaN. */
function floatWeights({ graph }: Model): Map<string, WeightRef> {
  const floats: ReadonlySet<string> = new Set(['float32', 'float16', 'bfloat16']);
  const weights = new Map<string, WeightRef>();
  for (const { name, constant } of graph.initializers.values()) {
    if (constant?.kind !== 'external' || !floats.has(constant.dtype)) continue;
    const { location, offset, length, dtype, shape } = constant;
    weights.set(name, { name, location, offset, length, dtype, shape });
  }
  return weights;
}
