import { z } from 'zod';
import { truncations } from '../data/example.ts';
import { formatNames } from '../data/formats/row-formats.ts';
import { memorySizePattern } from '../memory/memory-size.ts';
import { optimizerNames } from '../optimizer/create-optimizer.ts';
import { optimizerDtypes } from '../optimizer/optimizer-memory.ts';
import { scheduleNames } from '../optimizer/schedule.ts';
import {
  changeNames,
  initWeights,
  labelNames,
  layerNumbers,
  moduleNames,
  modulePatterns,
  numbersByModule,
} from './adapter-settings.ts';
import { fromWords, parseNumber, valuesOnly, type WordReader } from './read-words.ts';

/** The default of each setting. The defaults of learning rate and length are below. */
export const trainDefaults = {
  /** Every linear layer except the head. For the same number of parameters this is better than the attention alone. */
  targetModules: 'all-linear',
  /** A scaling of 2, at a common rank. */
  rank: 8,
  alpha: 16,
  /** Short trainings on few rows gain little from dropout, and without it there is no cost. */
  dropout: 0,
  optimizer: 'adamw',
  /** B begins at 0 and A is small, so an adapter has little to decay. */
  weightDecay: 0,
  /** Half the memory of float64. The update is computed in float64 in either case. */
  optimizerDtype: 'float32',
  schedule: 'constant',
  warmupSteps: 0,
  batchSize: 8,
  accumulate: 1,
  /** A single unusual row should not change the adapter much. */
  maxGradNorm: 1,
  /** A few rows may overflow; more say that the training is lost. */
  maxSkippedSteps: 3,
  result: 'last',
  shuffle: true,
  seed: 0,
  force: false,
  resume: false,
  full: false,
  /** It costs time, and most trainings have the memory. */
  recompute: false,
  /** Bytes take a third of the time, and what is trained is what is served. */
  exactProducts: false,
  dtype: 'float32',
} as const;

/** Adapters tolerate about ten times the learning rate of whole weights. */
export const defaultLearningRate = { lora: 2e-4, full: 5e-5 } as const;
/** Even if the model allows more, memory and time often do not: activations grow with the length, and attention with its square. */
export const defaultMaxLength = 512;

/** What JSON Schema says of a number. WHY beside its check: a schema of zod cannot be asked what a check allows. */
type NumberForm = {
  readonly type?: 'integer';
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
};

/** Readers of numbers. The message of a schema says what is expected. */
function numberReaders(read: WordReader) {
  const number = (check: (value: number) => boolean, expected: string, form: NumberForm): z.ZodType<number, number> =>
    read(z.number({ error: expected }).refine(check, { error: expected }).meta(form), parseNumber);
  return {
    count: number((value) => Number.isSafeInteger(value) && value > 0, 'a whole number above 0', {
      type: 'integer',
      minimum: 1,
    }),
    wholeNumber: number((value) => Number.isSafeInteger(value) && value >= 0, 'a whole number, 0 or more', {
      type: 'integer',
      minimum: 0,
    }),
    positive: number((value) => value > 0, 'a number above 0', { exclusiveMinimum: 0 }),
    nonNegative: number((value) => value >= 0, 'a number, 0 or more', { minimum: 0 }),
    share: number((value) => value >= 0 && value < 1, 'a number from 0 up to, not including, 1', {
      minimum: 0,
      exclusiveMaximum: 1,
    }),
  };
}

const memorySize = 'a size of memory, such as 800MB or 1.5GB';
const path = z.string({ error: 'a path' }).min(1, { error: 'a path' });
const paths = z.union([path, z.array(path).min(1).readonly()], { error: 'a path, or a list of paths' });
const flag = z.boolean({ error: 'true or false' });
const oneOf = <const Names extends readonly [string, ...string[]]>(
  names: Names,
): z.ZodType<Names[number], Names[number]> => z.enum(names, { error: `one of ${names.join(', ')}` });

/** Settings of a training. In kebab-case the names are the options of `espalier train`. */
function schemaOf(read: WordReader) {
  const { count, wholeNumber, positive, nonNegative, share } = numberReaders(read);
  return z.strictObject({
    base: path,
    /** Files and folders of rows. */
    data: paths,
    output: path,
    /** Replaces an existing adapter or model at `output`. The old one stays until the new one is complete. */
    force: flag.default(trainDefaults.force),
    /** The folder for the result if the output cannot be written at the end. Default: the folder for temporary files. */
    rescueFolder: path.optional(),
    evalData: paths.optional(),
    /** The format of the rows. auto: each row has the one whose fields it has. */
    format: oneOf(['auto', ...formatNames]).optional(),
    /**
     * What is learned of a conversation whose earlier answers the chat template rewrites (models that think): the last answer, or each, in
     * a row of its own. Default: last.
     */
    answers: oneOf(['last', 'each']).optional(),
    /** Of rows with a chosen and a rejected answer, learns the chosen one. */
    chosen: flag.optional(),
    /** What becomes of rows that are longer than `maxLength`. Default: cut-end. */
    truncation: oneOf(truncations).optional(),
    /** Leaves out rows without a token to learn from. Without it they are an error. */
    skipEmpty: flag.optional(),
    /** Puts rows of similar length into the same batch. */
    groupByLength: flag.optional(),
    /** The number of steps between evaluations, in addition to the evaluations before and after the training. */
    evalSteps: count.optional(),
    /** The number of steps between two checkpoints. Without it none is written. */
    saveSteps: count.optional(),
    /** How many checkpoints are kept, besides that of the best evaluation. */
    keep: count.optional(),
    /** Writes the adapter of each checkpoint beside its state, in PEFT's layout. */
    saveAdapters: flag.optional(),
    /** Goes on from the newest checkpoint of an interrupted training to the same output. */
    resume: flag.default(trainDefaults.resume),
    /** What may differ from the interrupted training, although the result may then have other bits. */
    allowChanged: changeNames(read).optional(),
    /** The number of evaluations without a better one after which the training ends. */
    earlyStopping: count.optional(),
    /** How much lower a held-out loss must be to count as better for `earlyStopping`. */
    minDelta: nonNegative.optional(),
    /** Which weights are the result: those of the last step, or those of the best evaluation. */
    result: oneOf(['last', 'best']).default(trainDefaults.result),
    initAdapter: path.optional(),
    /** Continues training an adapter that was trained on another base. */
    anyBase: flag.optional(),
    /** The name of one of the base's chat templates, or a file with a template that is used instead of the base's. */
    chatTemplate: path.optional(),
    /** Whose chat template and tokenizer are used to train `initAdapter` further. Default: its own, where its folder has them. */
    template: oneOf(['base', 'adapter']).optional(),
    targetModules: modulePatterns('names separated by commas, a regular expression, or all-linear').optional(),
    /** Modules that get no adapter although a target matches. */
    excludeModules: modulePatterns('names separated by commas, or a regular expression').optional(),
    /** Only these layers. Does not apply to a target that is a whole path. */
    layersToTransform: layerNumbers(read).optional(),
    /** Modules whose own weights are trained, and saved with the adapter. */
    modulesToSave: moduleNames(read).optional(),
    /** The labels of a new head, for an encoder without one. */
    labels: labelNames(read).optional(),
    /** Other ranks and alphas, by names or patterns of modules. */
    rankPattern: numbersByModule(read).optional(),
    alphaPattern: numbersByModule(read).optional(),
    useRslora: flag.optional(),
    useDora: flag.optional(),
    initLoraWeights: initWeights.optional(),
    rank: count.optional(),
    alpha: positive.optional(),
    dropout: share.optional(),
    optimizer: oneOf(optimizerNames).default(trainDefaults.optimizer),
    /** For sgd. */
    momentum: share.optional(),
    nesterov: flag.optional(),
    /** For adamw and lion. */
    beta1: share.optional(),
    beta2: share.optional(),
    /** For adamw. */
    epsilon: positive.optional(),
    /** The type of the optimizer's state. */
    optimizerDtype: oneOf(optimizerDtypes).default(trainDefaults.optimizerDtype),
    learningRate: positive.optional(),
    /** Other learning rates, by names or patterns of parameters or their modules. */
    learningRatePattern: numbersByModule(read).optional(),
    /** LoRA+: how many times faster B learns than A. */
    loraPlusRatio: positive.optional(),
    /** Trains of each pair of matrices only the one that begins at zero, which is B but for embeddings. */
    freezeA: flag.optional(),
    /** Of several processes: the steps that each takes by itself before all take the mean of what they have learned. */
    localSteps: count.optional(),
    /** The learning rate at which linear and cosine end. */
    minLearningRate: nonNegative.optional(),
    weightDecay: nonNegative.default(trainDefaults.weightDecay),
    schedule: oneOf(scheduleNames).default(trainDefaults.schedule),
    warmupSteps: wholeNumber.default(trainDefaults.warmupSteps),
    /** The warm-up as a share of all steps. */
    warmupRatio: share.optional(),
    batchSize: count.default(trainDefaults.batchSize),
    accumulate: count.default(trainDefaults.accumulate),
    maxSteps: count.optional(),
    epochs: count.optional(),
    maxLength: count.optional(),
    maxGradNorm: nonNegative.default(trainDefaults.maxGradNorm),
    /** How many steps may be left out because their loss or a gradient is not finite. */
    maxSkippedSteps: wholeNumber.default(trainDefaults.maxSkippedSteps),
    shuffle: flag.default(trainDefaults.shuffle),
    seed: wholeNumber.default(trainDefaults.seed),
    full: flag.default(trainDefaults.full),
    /** Computes the activations of each layer again in the backward pass, and does not keep them. */
    recompute: flag.default(trainDefaults.recompute),
    /** The most targets whose logits are in memory at once; 0: all. Default: 128 or more, by the vocabulary. */
    logitRows: wholeNumber.optional(),
    /** Keeps copies of a base of floats in the layout of its products: faster, and twice the weights. Default: unless `recompute`. */
    pack: flag.optional(),
    /** Multiplies floats by weights of int8. Otherwise what they multiply is rounded to bytes, as when the model is served. */
    exactProducts: flag.default(trainDefaults.exactProducts),
    /** The most memory that the process may take, such as 1.5GB. What fits is chosen among `recompute`, `pack` and smaller micro-batches. */
    memoryLimit: z.string({ error: memorySize }).regex(memorySizePattern, { error: memorySize }).optional(),
    /** A folder for event files, which TensorBoard shows while the training runs. */
    tensorboard: path.optional(),
    /** A file for an HTML page with the curves of the training, written at its end. */
    report: path.optional(),
    /** Prompts to which the model answers before and after the training. */
    samplePrompt: z
      .union([path, z.array(path).min(1).readonly()], { error: 'a prompt, or a list of prompts' })
      .optional(),
    /** The most tokens of such an answer. Default: 64. */
    sampleTokens: count.optional(),
    /** The type in which the weights of a full training are saved. */
    dtype: oneOf(['float32', 'base'] as const).default(trainDefaults.dtype),
  });
}

/** What a caller in code gives: a number is a number. */
export const trainOptionsSchema = schemaOf(valuesOnly);
/** What a command line or a file gives: a word may stand for a number, a list or a mapping. */
export const trainWordsSchema = schemaOf(fromWords);

export type TrainConfig = z.output<typeof trainOptionsSchema>;
/** Settings of a training, as a caller of the library writes them. Omitted settings have defaults. */
export type TrainOptions = z.input<typeof trainOptionsSchema>;
