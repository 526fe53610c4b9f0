import { EspalierError, option, optionText } from '../../core/index.ts';
import { basePath, buildClassificationGraph, type BaseModel } from '../../models/index.ts';
import { adapterFolder } from '../../adapter-files/index.ts';
import { chooseTokenizer, type ChosenTokenizer, type TokenizerChoice } from '../../tokenizer/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import { openExamples } from './read-examples.ts';
import { readLabelled, type LabelledDataset } from './read-labelled.ts';
import { labelledData } from './labelled-batch.ts';
import type { Objective } from '../graph/objective.ts';
import { tokenData, tokenLength, type BatchSource } from './batch-source.ts';

export interface OpenBatchesOptions {
  readonly maxLength: number;
  readonly signal?: AbortSignal | undefined;
}

/** The objective of a training, and its rows. */
export interface OpenedBatches {
  readonly objective: Objective;
  readonly data: BatchSource;
  readonly evalData: BatchSource | undefined;
  readonly chosen: ChosenTokenizer;
}

type RowSettings = Pick<
  TrainConfig,
  | 'data'
  | 'evalData'
  | 'format'
  | 'chosen'
  | 'chatTemplate'
  | 'template'
  | 'initAdapter'
  | 'answers'
  | 'truncation'
  | 'skipEmpty'
>;

/**
 * Reads the rows that the settings name, in the form that the base's task needs: text to continue, or labelled rows.
 * @throws EspalierError those of `openExamples` and `readLabelled`; TRAIN_CONFIG_CONFLICT; MODEL_TASK_UNSUPPORTED for a base that only embeds
 */
export async function openBatches(
  base: BaseModel,
  settings: RowSettings,
  { maxLength, signal }: OpenBatchesOptions,
): Promise<OpenedBatches> {
  const { data: path, evalData: evalPath, format = 'auto', chosen, answers, truncation, skipEmpty } = settings;
  const used = await chooseTokenizer(await choiceOf(base, settings));
  const { tokenizer } = used;
  if (writesText(base)) {
    const asked = format === 'auto' ? undefined : format;
    const { vocabSize } = base.config;
    const withoutTargets = skipEmpty === true ? ('drop' as const) : undefined;
    const rows = { format: asked, chosen, answers, truncation, withoutTargets };
    const reading = { tokenizer, vocabSize, maxLength, ...rows, ...(signal && { signal }) };
    const open = async (file: DataPaths): Promise<BatchSource> =>
      tokenData(await openExamples(file, reading, tokenLength(base)), base);
    const data = await open(path);
    const evalData = await orClose(data, evalPath, open);
    return { objective: { kind: 'next-token' }, data, evalData, chosen: used };
  }
  if (truncation !== undefined && truncation !== 'cut-end') {
    const [first, second] = [optionText(option('truncation'), ` ${truncation}`), 'a base with labels'];
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first, second, reason: 'its rows are cut at the end only' });
  }
  const outputShape = buildClassificationGraph(base, {
    given: new Set(base.headWeights?.keys()),
  }).graph.outputs[0]?.shape?.slice(1);
  const classes = outputShape?.length === 1 || base.perToken === true ? outputShape?.at(-1) : undefined;
  const reading = {
    base,
    tokenizer,
    maxLength,
    outputShape,
    classes: typeof classes === 'number' ? classes : undefined,
    signal,
  };
  const data = await readLabelled(path, reading);
  const openLabelled = (file: DataPaths): Promise<LabelledDataset> =>
    readLabelled(file, { ...reading, kind: data.kind });
  const evalData = await orClose(data.rows, evalPath, openLabelled);
  const hasSegments = data.hasSegments || evalData?.hasSegments === true;
  return {
    objective: { kind: base.problem === 'multi-label' ? 'flags' : data.kind, tokenTypes: hasSegments },
    data: labelledData(data, base, { hasSegments }),
    evalData: evalData && labelledData(evalData, base, { hasSegments }),
    chosen: used,
  };
}

function writesText({ task }: BaseModel): boolean {
  return task === undefined || task === 'causal-lm';
}

/** WHY not the adapter's own for labels: it is not what an encoder is served with. */
async function choiceOf(
  base: BaseModel,
  { chatTemplate, template, initAdapter }: RowSettings,
): Promise<TokenizerChoice> {
  const adapter = initAdapter === undefined || !writesText(base) ? undefined : await adapterFolder(initAdapter);
  return { base: basePath(base), adapter, chatTemplate, template };
}

type DataPaths = string | readonly string[];

/** Opens the second file, if there is one. If this fails, the first is closed. */
async function orClose<Opened>(
  first: AsyncDisposable,
  path: DataPaths | undefined,
  open: (path: DataPaths) => Promise<Opened>,
): Promise<Opened | undefined> {
  if (path === undefined) return undefined;
  try {
    return await open(path);
  } catch (error) {
    await first[Symbol.asyncDispose]();
    throw error;
  }
}
