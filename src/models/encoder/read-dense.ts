import { join } from 'node:path';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { loadSafetensors, tensorOf, toFloat32, type TensorData, type TensorOf } from '../../tensor/index.ts';
import { positiveInteger } from '../decoder/families/fields.ts';
import { hintAt } from '../explain-missing.ts';
import { parseWith } from '../parse-with.ts';
import { readJsonIfPresent } from '../read-json.ts';
import type { HeadLayer } from './encoder-config.ts';
import type { DenseStep } from './pooling.ts';
import { refuseFeature } from './read-fields.ts';

const denseJson = z.looseObject({
  in_features: positiveInteger,
  out_features: positiveInteger,
  bias: z.boolean().default(true),
  activation_function: z.string().default('torch.nn.modules.activation.Tanh'),
});

/** The classes of PyTorch by which sentence-transformers names activations. */
const activationsOfTorch: Readonly<Record<string, HeadLayer['activation']>> = {
  Identity: 'none',
  Tanh: 'tanh',
  ReLU: 'relu',
  GELU: 'gelu',
  SiLU: 'silu',
};

/**
 * Reads a layer over the vectors of texts from its folder: `config.json` and `model.safetensors`.
 *
 * WHY into memory: it is one matrix, small beside the network.
 *
 * @throws EspalierError FILE_NOT_FOUND, MODEL_CONFIG_INVALID, MODEL_FEATURE_UNSUPPORTED for an activation, MODEL_WEIGHTS_NOT_FOUND,
 *   MODEL_WEIGHTS_MISMATCH, and the errors of `loadSafetensors`
 */
export async function readDense(dir: string): Promise<DenseStep> {
  const path = join(dir, 'config.json');
  const json = await readJsonIfPresent(path);
  if (json === undefined) throw new EspalierError('FILE_NOT_FOUND', { what: 'configuration of a dense layer', path });
  const { in_features: width, out_features: out, bias, activation_function: name } = parseWith(denseJson, json, path);
  const short = name.split('.').at(-1) ?? name;
  const activation = Object.hasOwn(activationsOfTorch, short) ? activationsOfTorch[short] : undefined;
  if (activation === undefined) {
    const supported = Object.keys(activationsOfTorch).join(', ');
    refuseFeature(path, { feature: 'activation_function', value: name, supported });
  }
  const tensors = await loadWeights(dir);
  const problems: string[] = [];
  const take = (key: string, shape: readonly number[]): TensorOf<'float32'> => {
    const found = tensors.get(key);
    if (found === undefined) problems.push(`${key} is missing`);
    else if (found.shape.join() !== shape.join()) {
      problems.push(`${key} is [${found.shape.join(', ')}], expected [${shape.join(', ')}]`);
    } else if (!['float32', 'float16', 'bfloat16'].includes(found.dtype)) problems.push(`${key} is ${found.dtype}`);
    else return tensorOf('float32', shape, toFloat32(found));
    return tensorOf('float32', [0], []);
  };
  const weight = take('linear.weight', [out, width]);
  const added = bias ? take('linear.bias', [out]) : undefined;
  const known = ['linear.weight', ...(bias ? ['linear.bias'] : [])];
  problems.push(...[...tensors.keys()].filter((key) => !known.includes(key)).map((key) => `${key} is unexpected`));
  if (problems.length > 0) throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir, problems });
  return { weight, bias: added, activation: activation ?? 'none' };
}

async function loadWeights(dir: string): Promise<ReadonlyMap<string, TensorData>> {
  try {
    return (await loadSafetensors(join(dir, 'model.safetensors'))).tensors;
  } catch (error) {
    if (!EspalierError.isInstance(error) || error.code !== 'FILE_NOT_FOUND') throw error;
    throw new EspalierError('MODEL_WEIGHTS_NOT_FOUND', { dir, hint: await hintAt(dir) }, { cause: error });
  }
}
