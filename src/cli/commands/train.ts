import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { planConfigured, trainConfigured } from '../../library/index.ts';
import {
  formatNames,
  describesRuns,
  readConfigFile,
  resolveConfig,
  resolveRuns,
  trainOptionNames,
  type TrainConfig,
  truncations,
} from '../../train/index.ts';
import { chatTemplateOption, collect, templateOption } from '../base-options.ts';
import { describeForecast } from '../describe-forecast.ts';
import { exitCodes, type CommandContext, type CommandDefinition } from '../command.ts';
import { ownKeys } from '../own-keys.ts';
import { listenForEndOfInput } from '../end-of-input.ts';
import { groupPlaceOf, type ProcessGroup } from '../../collectives/index.ts';
import { withGroup } from '../launch/with-group.ts';
import { MetricSinks } from '../metric-sinks.ts';
import { path, positiveInteger, readOptions, wholeNumber } from '../read-options.ts';
import { resolveBase } from '../resolve-hub.ts';
import { EspalierError, option, definedOnly } from '../../core/index.ts';
import { trainRuns } from '../train-runs.ts';
import { trainReporter, type TrainReporter } from '../train-reporter.ts';
import { trainFileSchema } from '../train-schema.ts';

export const trainCommand: CommandDefinition = {
  name: 'train',
  summary: 'Trains an adapter (or, with --full, every weight) on rows of JSONL.',
  examples: [
    'espalier train --base models/tiny --data rows.jsonl --output adapters/strict',
    'espalier train --base models/tiny --data rows.jsonl --eval-data held-out.jsonl --output adapters/strict --rank 16 --learning-rate 1e-3 --epochs 3',
    'espalier train --base models/tiny --data rows.jsonl --output adapters/strict --dry-run',
    'espalier train --config run.yaml --output adapters/again --seed 7',
    'espalier train --config runs.yaml --dry-run',
    'espalier train --print-schema > train.schema.json',
    'espalier train --base models/tiny --data rows.jsonl --output adapters/strict --epochs 3 --save-steps 100',
    'espalier train --base models/tiny --data rows.jsonl --output adapters/strict --epochs 3 --resume',
    'espalier train --base models/tiny --data rows.jsonl --output adapters/strict --force --json-events > events.jsonl',
    'espalier train --base models/tiny --data rows.jsonl --output adapters/strict --metrics-file /var/lib/node-exporter/strict.prom',
    'espalier train --base models/tiny --data rows.jsonl --output adapters/strict --report strict.html --sample-prompt "Lock my card."',
    'espalier train --base models/tiny --data rows.jsonl --output models/tuned --full --learning-rate 3e-4',
    'espalier launch --processes 2 -- train --base models/tiny --data rows.jsonl --output adapters/strict',
  ],
  configure: declareOptions,
  run: async (options, context) => {
    const { settings, reports } = splitOptions(options);
    const { printSchema, logSteps, jsonEvents, metricsFile, pushGateway, endWithInput, dryRun, maxPassTokens } =
      reports;
    if (printSchema) {
      const schema = trainSchema();
      context.output.answer(schema, () => JSON.stringify(schema, null, 2));
      return;
    }
    const sources = await readSources(settings);
    if (sources.file !== undefined && describesRuns(sources.file.values)) {
      refuseSinks({ metricsFile, pushGateway });
      assertAlone(groupPlaceOf(process.env)?.worldSize ?? 1);
      const { runs, report } = resolveRuns({ ...sources, file: sources.file, named: namedIn(sources.file.path) });
      const resolved = await Promise.all(
        runs.map(async ({ name, config }) => ({ name, config: await resolveModels(config, context) })),
      );
      using ending = endWithInput ? listenForEndOfInput() : undefined;
      const signal = ending ? AbortSignal.any([context.signal, ending.signal]) : context.signal;
      const told = { logSteps, jsonEvents, dryRun, maxPassTokens };
      // WHY awaited: the end of the input is listened for as long as the runs go on.
      return await trainRuns({ runs: resolved, report }, told, { ...context, signal });
    }
    if (maxPassTokens !== undefined) {
      const [second, reason] = ['a single training', 'it is how many tokens of several runs are in one pass'];
      throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: option('maxPassTokens'), second, reason });
    }
    const config = await resolveModels(resolveConfig(sources), context);
    if (dryRun) {
      const { rank = 0, worldSize: ranks = 1 } = groupPlaceOf(process.env) ?? {};
      const forecast = await planConfigured(config, { ...context, ranks });
      // WHY planned by all: each machine has files of its own.
      if (rank === 0) context.output.answer(forecast, () => describeForecast(forecast));
      return;
    }
    return withGroup(context, (group) => trainHere(config, { reports, context, group }));
  },
};

type Reports = z.output<typeof reportOptions>;

async function trainHere(
  config: TrainConfig,
  {
    reports,
    context,
    group,
  }: { readonly reports: Reports; readonly context: CommandContext; readonly group: ProcessGroup },
): Promise<number> {
  const { logSteps, jsonEvents, metricsFile, pushGateway, endWithInput } = reports;
  const leads = group.rank === 0;
  using reporter = leads ? trainReporter(context.output, { logSteps, jsonEvents }) : warningsOnly(context.output);
  const sinks = new MetricSinks({
    adapter: basename(resolve(config.output)),
    metricsFile: leads ? metricsFile : undefined,
    pushGateway: leads ? pushGateway : undefined,
    note: (text) => context.output.note(text),
  });
  using input = endWithInput ? listenForEndOfInput() : undefined;
  const signal = input ? AbortSignal.any([context.signal, input.signal]) : context.signal;
  const result = await trainConfigured(config, {
    threads: context.threads,
    spinUs: context.spinUs,
    provider: context.provider,
    ...definedOnly({ deviceMemory: context.deviceMemory }),
    signal,
    group,
    onEvent(event) {
      reporter.report(event);
      sinks.heard(event);
    },
  }).catch(async (error: unknown) => {
    await sinks.ended('failed');
    if (input?.signal.aborted === true && error === signal.reason) return undefined;
    throw error;
  });
  // WHY: it was asked to end before its first step.
  if (result === undefined) return exitCodes.interrupted;
  await sinks.ended(result.interrupted ? 'interrupted' : 'finished');
  reporter.finish(result);
  return result.interrupted ? exitCodes.interrupted : exitCodes.success;
}

/** Of a rank that does not lead: what a person should know, and nothing else. */
function warningsOnly(output: CommandContext['output']): TrainReporter {
  return {
    report: (event) => {
      if (event.kind === 'warned') output.note(event.message);
    },
    finish: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}

function declareOptions(command: Command): void {
  command
    .option('--base <dir>', 'the model: a Hugging Face folder, an ONNX file or folder, or hf:org/name')
    .option('--data <paths...>', 'rows to train on: files of JSONL, JSON, CSV or Parquet, or folders (docs/rows.md)')
    .option('--format <name>', `the format of the rows: auto (default), ${formatNames.join(', ')}`)
    .option(
      '--answers <which>',
      'where the chat template rewrites earlier answers: learn the last one (default), or each in a row of its own',
    )
    .option('--chosen', 'of rows with a chosen and a rejected answer, learn the chosen one')
    .option('--truncation <how>', `rows longer than --max-length: ${truncations.join(', ')} (default: cut-end)`)
    .option('--skip-empty', 'leave out rows with nothing to learn; without it they are an error')
    .option('--group-by-length', 'put rows of similar length into the same batch')
    .option('--output <dir>', 'the folder to write; it must not exist yet, unless with --force')
    .option('--force', 'replace the adapter (with --full: the model) at --output, once the new one is whole')
    .option('--rescue-folder <dir>', 'where the result goes if the output’s disk is full (default: temporary files)')
    .option('--eval-data <paths...>', 'held-out rows: the loss on them is measured before and after')
    .option('--eval-steps <n>', 'measure it every so many steps as well')
    .option('--early-stopping <n>', 'end after so many evaluations without a better one')
    .option('--min-delta <x>', 'how much lower a loss is better for --early-stopping (default: 0)')
    .option('--result <which>', 'save the weights of the last step (default: last), or of the best evaluation: best')
    .option('--save-steps <n>', 'write a checkpoint to <output>.checkpoints every so many steps (docs/checkpoints.md)')
    .option('--keep <n>', 'checkpoints that are kept besides the one of the best evaluation (default: 2)')
    .option('--save-adapters', 'write the adapter of each checkpoint beside its state, in PEFT’s layout')
    .option('--resume', 'go on from the newest sound checkpoint; with none yet, begin at the start')
    .option('--allow-changed <names>', 'with --resume, what may be another one: library,processor,threads')
    .option('--init-adapter <dir>', 'go on training this adapter')
    .option(...chatTemplateOption)
    .option(...templateOption)
    .option('--any-base', 'take it although it was trained on another base')
    .option('--target-modules <targets>', 'names (q_proj,v_proj), a regular expression, or all-linear (default)')
    .option(
      '--exclude-modules <names>',
      'leave these modules out although a target fits: names, or a regular expression',
    )
    .option('--layers-to-transform <numbers>', 'only these layers, such as 0,1')
    .option('--labels <names>', 'give an encoder a new head for these classes, such as bad,good')
    .option('--modules-to-save <names>', 'train these modules whole beside the adapter, such as classifier')
    .option('--rank <n>', 'rank of the adapter (default: 8)')
    .option('--alpha <x>', 'its strength; the update is scaled by alpha / rank (default: 16)')
    .option('--rank-pattern <json>', 'other ranks by name or pattern of modules, such as {"q_proj": 16}')
    .option('--alpha-pattern <json>', 'other alphas, likewise')
    .option('--use-rslora', 'scale by alpha / √rank')
    .option('--use-dora', 'train how long each row of a weight is apart from its direction')
    .option('--init-lora-weights <way>', 'default, gaussian, pissa (or pissa_niter_16) or olora')
    .option('--dropout <p>', 'dropout before the adapter (default: 0)')
    .option('--optimizer <name>', 'adamw (default), sgd or lion')
    .option('--momentum <x>', 'of sgd (default: 0)')
    .option('--nesterov', 'of sgd: look one step ahead along the momentum')
    .option('--beta1 <x>', 'of adamw and lion (default: 0.9)')
    .option('--beta2 <x>', 'of adamw (default: 0.999) and lion (default: 0.99)')
    .option('--epsilon <x>', 'of adamw (default: 1e-8)')
    .option('--optimizer-dtype <type>', 'type of its state: float32 (default) or float64')
    .option('--learning-rate <x>', 'default: 2e-4 for an adapter, 5e-5 with --full')
    .option('--learning-rate-pattern <json>', 'other rates by name or pattern, such as {"embed_tokens": 1e-5}')
    .option('--lora-plus-ratio <x>', 'LoRA+: how many times faster B learns than A, such as 16 (default: 1)')
    .option('--freeze-a', 'train B alone and leave A as it begins (LoRA-FA)')
    .option(
      '--local-steps <n>',
      'of several processes: steps that each takes before all take their mean; for slow links',
    )
    .option('--min-learning-rate <x>', 'of linear and cosine: the rate at which they end (default: 0)')
    .option('--weight-decay <x>', 'default: 0')
    .option('--schedule <name>', 'constant (default), linear or cosine')
    .option('--warmup-steps <n>', 'steps over which the learning rate rises from 0 (default: 0)')
    .option('--warmup-ratio <x>', 'the same as a share of all steps')
    .option('--batch-size <n>', 'rows in a micro-batch (default: 8)')
    .option('--accumulate <n>', 'micro-batches in one optimizer step (default: 1)')
    .option('--max-steps <n>', 'optimizer steps; the data are gone through as often as it takes')
    .option('--epochs <n>', 'times through the data (default: 1, unless --max-steps is given)')
    .option('--max-length <n>', 'tokens of a row (default: the smaller of 512 and the model’s)')
    .option('--max-grad-norm <x>', 'clip gradients to this norm, 0 = off (default: 1)')
    .option('--max-skipped-steps <n>', 'steps that may be left out because they are not finite (default: 3)')
    .option('--no-shuffle', 'take the rows in the order of the file')
    .option('--seed <n>', 'fixes initial weights, order and dropout (default: 0)')
    .option('--full', 'train every weight; the output is a whole model')
    .option('--recompute', 'keep no activations of a layer, and compute them again: less memory, the same steps')
    .option('--logit-rows <n>', 'targets whose logits are in memory at once, 0 = all (default: by the vocabulary)')
    .option('--exact-products', 'multiply floats by quantized weights, not bytes as serving does: slower, not rounded')
    .option('--memory-limit <size>', 'choose what fits into so much memory, such as 1.5GB, and takes the same steps')
    .option('--pack', 'keep a base of floats in the layouts of its products too (default: unless --recompute)')
    .option('--no-pack', 'hold a base of floats once, as it lies in the files: less memory, slower')
    .option('--dtype <type>', 'with --full, what weights are saved as: float32 (default) or base')
    .option('--tensorboard <dir>', 'write event files for TensorBoard to this folder')
    .option('--report <file>', 'write a page with the curves of the training, which opens offline (*.html)')
    .option('--sample-prompt <text>', 'ask the model this before and after; may be repeated', collect)
    .option('--sample-tokens <n>', 'the most tokens of such an answer (default: 64)')
    .option('--dry-run', 'read and check everything, predict steps, tokens and peak memory, and train nothing')
    .option('--max-pass-tokens <n>', 'with runs: tokens of several runs in one pass at most (default: 512)')
    .option('--log-steps <n>', 'without a terminal: a line every so many steps, 0 = none (default: 10)')
    .option('--json-events', 'each event as a line of JSON on standard output, the result as the last one')
    .option(
      '--end-with-input',
      'end as at Ctrl-C when standard input ends, for a program that starts trainings: none outlives it',
    )
    .option(
      '--metrics-file <file>',
      'keep its series in this file, for the textfile collector of node-exporter (*.prom)',
    )
    .option('--push-gateway <url>', 'push its series to this gateway of Prometheus (docs/metrics.md)')
    .option('--print-schema', 'print the JSON Schema of such a settings file, and do nothing else')
    .option('--config <file>', 'settings in YAML, by the names of these options; options given here win');
}

/** The JSON Schema of a settings file. */
export function trainSchema(): object {
  const command = new Command();
  declareOptions(command);
  return trainFileSchema(command.options);
}

const reportOptions = z.looseObject({
  printSchema: z.boolean().default(false),
  logSteps: wholeNumber.default(10),
  jsonEvents: z.boolean().default(false),
  endWithInput: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  maxPassTokens: positiveInteger.optional(),
  metricsFile: path.optional(),
  pushGateway: z.url({ protocol: /^https?$/, error: 'a URL such as http://localhost:9091' }).optional(),
});

/** The options of the command itself, and those of the training. */
function splitOptions(options: Readonly<Record<string, unknown>>): {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly reports: Reports;
} {
  const {
    printSchema,
    logSteps,
    jsonEvents,
    metricsFile,
    pushGateway,
    endWithInput,
    dryRun,
    maxPassTokens,
    ...settings
  } = readOptions(reportOptions, options);
  const told = { logSteps, jsonEvents, metricsFile, pushGateway };
  return { settings, reports: { printSchema, endWithInput, dryRun, maxPassTokens, ...told } };
}

const ownOptions = z.looseObject({ config: z.string().optional(), shuffle: z.boolean() });

interface Sources {
  readonly file?: { readonly path: string; readonly values: Readonly<Record<string, unknown>> };
  readonly flags: Readonly<Record<string, unknown>>;
}

async function readSources(options: Readonly<Record<string, unknown>>): Promise<Sources> {
  const { config: path, shuffle, ...flags } = readOptions(ownOptions, options);
  // Without --no-shuffle commander sets `shuffle: true`. This is a default, and the settings file may still say false.
  const given = shuffle ? flags : { ...flags, shuffle };
  if (path === undefined) return { flags: given };
  const values = await readConfigFile(path);
  return { file: { path, values: describesRuns(values) ? values : namedIn(path)(values) }, flags: given };
}

/** The keys of a mapping in a settings file, whatever their spelling. */
function namedIn(path: string): (values: Readonly<Record<string, unknown>>) => Record<string, unknown> {
  return (values) => ownKeys(values, { path, known: trainOptionNames });
}

/** WHY: each process would train every run, and write to the same outputs. */
function assertAlone(worldSize: number): void {
  if (worldSize === 1) return;
  const reason = 'the processes of a group share the rows of one training';
  throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: 'several runs', second: `${worldSize} processes`, reason });
}

/** WHY: the series of a training have no name of their own, so that those of several would be taken for one. */
function refuseSinks(sinks: Readonly<Record<'metricsFile' | 'pushGateway', string | undefined>>): void {
  for (const name of ['metricsFile', 'pushGateway'] as const) {
    if (sinks[name] === undefined) continue;
    const reason = 'series are told of one training alone; event files (tensorboard) are written for each';
    throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: option(name), second: 'several runs', reason });
  }
}

/** A settings file may also name models of the hub. */
async function resolveModels(config: TrainConfig, context: CommandContext): Promise<TrainConfig> {
  const { base, initAdapter } = config;
  const resolved = { ...config, base: await resolveBase(base, context) };
  return initAdapter === undefined ? resolved : { ...resolved, initAdapter: await resolveBase(initAdapter, context) };
}
