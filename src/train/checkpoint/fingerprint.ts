import { cpus } from 'node:os';
import { EspalierError, option, optionText, packageVersion, Sha256 } from '../../core/index.ts';
import { openBytes } from '../data/files/file-bytes.ts';
import { listDataFiles } from '../data/files/list-data-files.ts';
import { fingerprintBase } from '../../models/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import { readFolder, type ChosenTokenizer } from '../../tokenizer/index.ts';
import { allowedChanges, type AllowedChange } from '../config/adapter-settings.ts';
import type { TrainConfig } from '../config/train-config.ts';
import type { ParameterArena } from '../graph/parameter-arena.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';

/** What the bits of a training's result depend on, by name. */
export type Fingerprint = Readonly<Record<string, string>>;

/**
 * Settings that say where something is, or what is kept of the training. The files themselves are compared by their content. WHY a list
 * of these and not of the others: a new setting must be compared until someone decides that it need not be.
 */
const notCompared: ReadonlySet<string> = new Set<keyof TrainConfig>([
  'base',
  'data',
  'evalData',
  'output',
  'force',
  'rescueFolder',
  'initAdapter',
  'anyBase',
  'saveSteps',
  'keep',
  'saveAdapters',
  'resume',
  'allowChanged',
  'tensorboard',
  'report',
  'samplePrompt',
  'sampleTokens',
  // What was chosen for it is compared.
  'memoryLimit',
]);

export interface FingerprintOptions {
  /** The weights before the first step. */
  readonly initial: ParameterArena;
  readonly environment: Environment;
  readonly signal: AbortSignal | undefined;
}

/** @throws the errors of the file system; the signal's reason */
export async function fingerprintOf(
  { base, config, chosen, trainable, steps, maxLength, learningRate }: TrainingInputs,
  { initial, environment, signal }: FingerprintOptions,
): Promise<Fingerprint> {
  const settings = Object.entries({ ...config, maxLength, learningRate })
    .filter(([key, value]) => !notCompared.has(key) && value !== undefined)
    .map(([key, value]) => [`setting ${key}`, JSON.stringify(value)]);
  const start = new Sha256();
  for (const { path, rank, scaling, dropout } of trainable.lora ?? []) {
    await start.update(Buffer.from(`${JSON.stringify([path, rank, scaling, dropout])}\n`));
  }
  await start.update(new Uint8Array(initial.flat.buffer, initial.flat.byteOffset, initial.flat.byteLength));
  const [processor] = cpus();
  return {
    base: await fingerprintBase(base),
    tokenizer: await hashTokenizer(chosen),
    data: await hashFiles(config.data, { signal }),
    ...(config.evalData !== undefined && { evalData: await hashFiles(config.evalData, { signal }) }),
    'initial weights': start.hex(),
    steps: String(steps),
    ...Object.fromEntries(settings),
    library: `espalier ${await packageVersion()}, ONNX Runtime ${environment.version}`,
    processor: `${process.platform} ${process.arch}, ${processor?.model ?? 'unknown'}`,
    provider: environment.provider,
    threads: String(environment.threads),
  };
}

async function hashTokenizer({ tokenizer, files }: ChosenTokenizer): Promise<string> {
  if (tokenizer === undefined) return 'none';
  const hash = new Sha256();
  const contents = [...(await readFolder(tokenizer.folder, 'model')), ...files];
  for (const [name, bytes] of contents) {
    await hash.update(Buffer.from(`${JSON.stringify([name, bytes.length])}\n`));
    await hash.update(bytes);
  }
  await hash.update(Buffer.from(JSON.stringify([...tokenizer.templates])));
  return hash.hex();
}

/** WHY with a signal: rows may be many gigabytes. */
export async function hashFiles(
  paths: string | readonly string[],
  { signal }: { readonly signal: AbortSignal | undefined },
): Promise<string> {
  signal?.throwIfAborted();
  const hash = new Sha256();
  for (const path of await listDataFiles(paths)) {
    await using handle = await openBytes(path);
    await hash.update(Buffer.from(`file of ${(await handle.stat()).size} bytes\n`));
    await hash.updateFrom(handle, { signal });
  }
  return hash.hex();
}

export interface Comparison {
  readonly output: string;
  readonly checkpoint: string;
  readonly stored: Fingerprint;
  readonly current: Fingerprint;
  readonly allowed: readonly AllowedChange[];
}

/**
 * @returns the names of what differs and is allowed to
 * @throws EspalierError TRAIN_RESUME_DIFFERS with every difference that is not allowed
 */
export function compareFingerprints({ output, checkpoint, allowed, ...compared }: Comparison): readonly string[] {
  // WHY: checkpoints of earlier versions do not name it.
  const stored: Fingerprint = { provider: 'cpu', ...compared.stored };
  const current: Fingerprint = { provider: 'cpu', ...compared.current };
  const names = [...new Set([...Object.keys(stored), ...Object.keys(current)])];
  const changed = names.filter((name) => stored[name] !== current[name]);
  const isAllowed = (name: string): boolean => allowed.some((each) => each === name);
  const refused = changed.filter((name) => !isAllowed(name));
  if (refused.length === 0) return changed;
  const differences = refused.map((name) => describeChange(name, stored[name], current[name])).join('; ');
  const canBeAllowed = refused.every((name) => allowedChanges.some((each) => each === name));
  const list = refused.join(',');
  const advice = canBeAllowed
    ? optionText('Give ', option('allowChanged'), ` (${list}) to go on all the same.`)
    : optionText('Give what it began with, or begin anew with ', option('force'), '.');
  throw new EspalierError('TRAIN_RESUME_DIFFERS', { output, checkpoint, differences, advice });
}

/** WHY no values of hashes: nobody can compare them with anything. */
function describeChange(name: string, before = 'none', now = 'none'): string {
  const isHash = /[0-9a-f]{64}$/.test(before + now);
  const shown = name.replace(/^setting (\w+)$/, (_, key: string) => `the setting ${key}`);
  return isHash ? `${shown}: the content is another` : `${shown}: it was ${before} and is ${now}`;
}
