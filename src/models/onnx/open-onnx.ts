import { EspalierError } from '../../core/index.ts';
import type { Value } from '../../ir/index.ts';
import type { BaseModel } from '../base-model.ts';
import { readLabels } from '../encoder/read-labels.ts';
import { readPooling } from '../encoder/read-pooling.ts';
import { readTextPrompts } from '../encoder/text-prompts.ts';
import { encoderGraphs, genericGraphs, genericInputs } from './classifier-graphs.ts';
import { genericFixedBatch, textFixedBatch } from './fixed-batch.ts';
import { copyGeneric } from './generic-graph.ts';
import { describeConfig, readBesideFiles, type BesideFiles } from './onnx-config.ts';
import { openCausal } from './open-causal.ts';
import { openOnnxFile, places, type OnnxFileModel } from './open-onnx-file.ts';
import { takesTokens } from './read-interface.ts';
import { copyText } from './text-copy.ts';
import { hintsFor, sizesOf, textSource, type OpenText } from './text-source.ts';

/**
 * Opens a model that another tool wrote as ONNX: an .onnx file, or a folder with one. Its inputs and outputs determine its task: a
 * language model, a text encoder, or any other model that computes numbers.
 *
 * @throws EspalierError the errors of `openOnnxFile`; ONNX_MODEL_UNSUPPORTED; MODEL_CONFIG_INVALID
 */
export async function openOnnxBase(given: string): Promise<BaseModel> {
  const file = await openOnnxFile(given);
  const files = await readBesideFiles(file.dir);
  if (!takesTokens(file.model.graph)) return openGeneric(file, files);
  const source = textSource(file, files);
  const copy = copyText(source, { graphName: 'inspect' });
  const isDecoder = copy.logits?.shape?.length === 3 && !isMasked(files);
  const open = isDecoder ? openCausal : openEncoder;
  return open(file, files, { source, copy });
}

/** WHY the logits of a masked language model are not served as numbers: they score tokens, and no command uses them. */
async function openEncoder(file: OnnxFileModel, files: BesideFiles, { source, copy }: OpenText): Promise<BaseModel> {
  const logits = source.roles.logits && copy.logits?.shape?.length === 2 ? source.roles.logits : undefined;
  const roles = { ...source.roles, logits };
  if (logits === undefined && roles.hidden === undefined) {
    const problems = 'none of its outputs is logits [batch, classes] or [batch, seq, vocabulary], or last_hidden_state';
    throw new EspalierError('ONNX_MODEL_UNSUPPORTED', { path: file.path, problems });
  }
  const config = describeConfig(sizesOf(copy, source, undefined), files, 'encoder');
  const task = logits ? 'classification' : 'embedding';
  const graphs = encoderGraphs({ ...source, roles, pooling: await readPooling(file.dir) });
  const prompts = logits ? undefined : await readTextPrompts(file.dir);
  const labels = logits && labelsFor(files, copy.logits);
  const padTokenId = files.config.pad_token_id ?? 0;
  const fixedBatch = textFixedBatch(source, logits ? copy.logits : copy.hidden);
  const about = {
    ...places(file),
    task,
    ...(labels && { labels }),
    ...(prompts && { prompts }),
    ...(fixedBatch && { fixedBatch }),
    padTokenId,
  } as const;
  return { ...about, config, modules: copy.modules, generation: files.generation, graphs };
}

function openGeneric(file: OnnxFileModel, files: BesideFiles): BaseModel {
  const hints = hintsFor(file, files);
  const { model, modules } = copyGeneric(file, { graphName: 'inspect', hints });
  const output = model.graph.outputs.find(({ dtype, name }) => isFloat(dtype) && name === 'logits');
  const chosen = output ?? model.graph.outputs.find(({ dtype }) => isFloat(dtype));
  if (chosen === undefined) {
    throw new EspalierError('ONNX_MODEL_UNSUPPORTED', {
      path: file.path,
      problems: 'none of its outputs is of floats',
    });
  }
  const sized = { graph: model.graph, logits: chosen, hiddenSize: undefined, modules, states: 0, kv: undefined };
  const config = describeConfig(sized, files, 'encoder');
  const labels = labelsFor(files, chosen);
  const fixedBatch = genericFixedBatch(file, { output: chosen.name, hints });
  const about = {
    ...places(file),
    task: 'classification',
    ...(labels && { labels }),
    ...(fixedBatch && { fixedBatch }),
  } as const;
  const graphs = genericGraphs(file, { output: chosen.name, hints, anyBatch: fixedBatch === undefined });
  return { ...about, config, inputs: genericInputs(file), modules, generation: files.generation, graphs };
}

function isFloat(dtype: string | undefined): boolean {
  return dtype === 'float32' || dtype === 'float16';
}

/** A masked language model has the same inputs and outputs as one that continues text. Only its configuration distinguishes them. */
function isMasked({ config }: BesideFiles): boolean {
  return config.architectures?.some((name) => !/CausalLM|LMHead|ConditionalGeneration/.test(name)) ?? false;
}

/** Returns the names of the classes if the configuration names all of them. */
function labelsFor({ config, configPath }: BesideFiles, logits: Value | undefined): readonly string[] | undefined {
  const count = logits?.shape?.at(-1);
  if (logits?.shape?.length !== 2 || typeof count !== 'number') return undefined;
  const labels = readLabels({ num_labels: count, ...config }, configPath);
  if (labels.length === count) return labels;
  const problems = `it names ${labels.length} labels, and the graph has ${count}`;
  throw new EspalierError('MODEL_CONFIG_INVALID', { path: configPath, problems });
}
