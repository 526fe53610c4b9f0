import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

import { checkExternalData, decodeModel, verifyModel, type Model } from '../../ir/index.ts';
import type { BaseGraphs, BaseModel } from '../base-model.ts';
import type { WeightRef } from '../weight-files.ts';
import { buildOnnxDecode } from './decode-graph.ts';
import { findOnnxFile } from './find-onnx-file.ts';
import { findHead } from './logits-head.ts';
import { describeConfig, kvSizes, readBesideFiles, type BesideFiles } from './onnx-config.ts';
import type { OnnxSource } from './graph-copy.ts';
import { placeWeights } from './place-weights.ts';
import { readInterface } from './read-interface.ts';
import { copyText, type TextSource } from './text-copy.ts';
import { onnxTextGraphs } from './text-graphs.ts';

/** An ONNX file that was read and checked; its large weights lie where they lay. */
export interface OnnxFileModel extends OnnxSource {
  /** The folder that the locations of weights are relative to. */
  readonly dir: string;
  readonly weights: ReadonlyMap<string, WeightRef>;
}

/**
 * Reads an ONNX file and checks it, without looking at what it is for. Weights are not read: large ones inside the file become
 * places in it.
 *
 * @throws EspalierError FILE_NOT_FOUND, IR_MALFORMED, IR_INVALID, IR_EXTERNAL_DATA
 */
export async function openOnnxFile(given: string): Promise<OnnxFileModel> {
  const { path, dir, prefix } = await findOnnxFile(given);
  const bytes = await readFile(path);
  const model = decodeModel(bytes, { what: path });
  verifyModel(model);
  await checkExternalData(model, dirname(path));
  placeWeights(model, { bytes, location: prefix + basename(path), prefix });
  return { model, path, dir, weights: floatWeights(model) };
}

/** The float weights that lie in files: those that can be checked for NaN. */
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

/**
 * Opens a language model that another tool wrote as ONNX: an .onnx file, or a folder that holds one.
 *
 * @throws EspalierError those of `openOnnxFile`; ONNX_MODEL_UNSUPPORTED; MODEL_CONFIG_INVALID
 */
export async function openOnnxBase(given: string): Promise<BaseModel> {
  const file = await openOnnxFile(given);
  const files = await readBesideFiles(file.dir);
  const source = textSource(file, files);
  const copy = copyText(source, { graphName: 'inspect' });
  const head = copy.logits && findHead(copy.model, copy.logits);
  const { modules } = copy;
  const sized = {
    graph: copy.model.graph,
    logits: copy.logits,
    hiddenSize: head?.hiddenSize,
    modules,
    states: source.roles.states.length,
  };
  const config = describeConfig(sized, files, kvSizes(source.roles, files));
  const graphs = { ...onnxTextGraphs(source), ...decodeGraphs(source, config.maxPositions) };
  return { dir: file.dir, config, weights: file.weights, modules, generation: files.generation, graphs };
}

/** Keeping keys and values in place, where the file's attention can. */
function decodeGraphs(source: TextSource, maxPositions: number): Pick<BaseGraphs, 'decode'> {
  if (buildOnnxDecode(source, maxPositions) === undefined) return {};
  const decode = ({ maxLength }: { readonly maxLength: number }): Model => {
    const model = buildOnnxDecode(source, maxLength);
    if (model === undefined) throw new TypeError('the file was found to keep its past in place');
    return model;
  };
  return { decode };
}

function textSource(file: OnnxSource, files: BesideFiles): TextSource {
  const roles = readInterface(file);
  const kv = kvSizes(roles, files);
  const isGenai = files.isGenai || file.model.producerName === 'onnxruntime-genai';
  const hints = { isGenai, hasPackedModules: files.config.model_type?.startsWith('phi3') ?? false };
  return { model: file.model, path: file.path, roles, hints, kvHeads: kv?.kvHeads ?? 1, headDim: kv?.headDim ?? 1 };
}
