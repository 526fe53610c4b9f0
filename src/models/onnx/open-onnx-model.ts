import type { AdaptableModule, Model, Value } from '../../ir/index.ts';
import type { BaseInput } from '../base-model.ts';
import { copyGeneric } from './generic-graph.ts';
import type { StoredTensors } from '../stored-tensors.ts';
import { openOnnxFile } from './open-onnx-file.ts';

/** An ONNX file of any kind, with its modules. */
export interface OnnxModel {
  readonly path: string;
  /** The locations of weights are relative to this folder. */
  readonly dir: string;
  /** All tensors in the files. */
  readonly stored: StoredTensors;
  readonly inputs: readonly BaseInput[];
  readonly outputs: readonly BaseInput[];
  /** The modules that an adapter can target. */
  readonly modules: readonly AdaptableModule[];
  /** Builds the graph. It is flat and typed, the nodes of its modules are marked, and large weights stay in their files. */
  build(): Model;
}

/**
 * Opens an ONNX file, or a folder with one, of any task.
 * @throws EspalierError FILE_NOT_FOUND, IR_MALFORMED, IR_INVALID, IR_EXTERNAL_DATA, IR_SHAPE, ONNX_MODEL_UNSUPPORTED
 */
export async function openOnnxModel(given: string): Promise<OnnxModel> {
  const file = await openOnnxFile(given);
  const { path, dir, stored } = file;
  const hints = { isGenai: file.model.producerName === 'onnxruntime-genai' };
  const build = (): ReturnType<typeof copyGeneric> => copyGeneric(file, { graphName: 'infer', hints });
  const { model, modules } = build();
  const [inputs, outputs] = [model.graph.inputs, model.graph.outputs].map((values) => values.map(describe));
  return { path, dir, stored, inputs: inputs ?? [], outputs: outputs ?? [], modules, build: () => build().model };
}

function describe({ name, dtype = 'float32', shape = [] }: Value): BaseInput {
  return { name, dtype, shape };
}
