import { basename } from 'node:path';

import { EspalierError, type Steps } from '../../core/index.ts';
import type { Model } from '../../ir/index.ts';
import type { BaseGraphs, BaseModel } from '../base-model.ts';
import { buildOnnxDecode } from './decode-graph.ts';
import { textFixedBatch } from './fixed-batch.ts';
import { findHead } from './logits-head.ts';
import { describeConfig, type BesideFiles } from './onnx-config.ts';
import { openBeside, places, type OnnxFileModel } from './open-onnx-file.ts';
import { buildPastDecode } from './past-graph.ts';
import type { TextSource } from './text-copy.ts';
import { onnxTextGraphs } from './text-graphs.ts';
import { sizesOf, textSource, type OpenText } from './text-source.ts';

/**
 * Opens a causal language model in an ONNX file.
 * @throws EspalierError MODEL_CONFIG_INVALID, and the errors of `openOnnxFile` for a second file with a past
 */
export async function openCausal(
  file: OnnxFileModel,
  files: BesideFiles,
  { source, copy }: OpenText,
): Promise<BaseModel> {
  const fixedBatch = textFixedBatch(source, copy.logits);
  const head = copy.logits && findHead(copy.model, copy.logits);
  const besideFile = source.roles.states.length === 0 ? await openWithPast(file) : undefined;
  const beside = besideFile && textSource(besideFile, files);
  const kv = source.kv ?? beside?.kv;
  const config = describeConfig({ ...sizesOf(copy, source, head?.hiddenSize), kv }, files, 'decoder');
  const { decode, ...trial } = continuation(beside ?? source, config.maxPositions);
  const graphs = { ...onnxTextGraphs(source), ...decode };
  const locations = [...new Set([...file.stored.locations, ...(besideFile?.stored.locations ?? [])])];
  const stored = { ...file.stored, locations };
  const found = { ...places(file), stored, config, modules: copy.modules, generation: files.generation };
  return { ...found, ...(fixedBatch && { fixedBatch }), ...trial, graphs };
}

/** The file with a past that optimum writes beside `decoder_model.onnx`. */
export const besideName = 'decoder_with_past_model.onnx';

/** When optimum does not merge a decoder, it writes two files: one for whole rows, and one that takes a past. */
async function openWithPast(file: OnnxFileModel): Promise<OnnxFileModel | undefined> {
  return basename(file.path) === 'decoder_model.onnx' ? openBeside(file, besideName) : undefined;
}

interface Continuation extends Pick<BaseModel, 'decodeOnTrial'> {
  readonly decode: Pick<BaseGraphs, 'decode'>;
}

/** Finds how the file keeps keys and values: its attention keeps them in place, or it returns them as outputs. */
function continuation(source: TextSource, maxPositions: number): Continuation {
  const ways: readonly [build: typeof buildOnnxDecode, decodeOnTrial: boolean][] = [
    [buildOnnxDecode, false],
    [buildPastDecode, true],
  ];
  const [build, decodeOnTrial] = ways.find(([way]) => succeeds(way, source, maxPositions)) ?? [];
  if (build === undefined) return { decode: {} };
  const decode = function* ({ maxLength }: { readonly maxLength: number }): Steps<Model> {
    yield;
    const model = build(source, maxLength);
    if (model === undefined) throw new TypeError('the file was found to keep its past');
    return model;
  };
  return { decode: { decode }, ...(decodeOnTrial && { decodeOnTrial }) };
}

/** WHY this is not an error: when the past does not fit the rest of the graph, it is ignored, and rows run again from their first token. */
function succeeds(build: typeof buildOnnxDecode, source: TextSource, maxPositions: number): boolean {
  try {
    return build(source, maxPositions) !== undefined;
  } catch (error) {
    if (EspalierError.isInstance(error)) return false;
    throw error;
  }
}
