import { z } from 'zod';
import { baseChecks, type BaseChecks } from '../adapter-files/index.ts';
import { toolParsers } from '../chat/index.ts';
import { definedOnly } from '../core/index.ts';
import { AdapterRegistry, type SourcedAdapter } from '../routing/index.ts';
import { openEngine } from '../engine/index.ts';
import { matchTargets, type Adapter } from '../lora/index.ts';
import {
  basePath,
  BaseWatch,
  modelName,
  openBaseModel,
  PrivateBase,
  verifyWeights,
  type BaseModel,
  storedBytes,
} from '../models/index.ts';
import { AdapterTokenizers, openTokenizer } from '../tokenizer/index.ts';
import { LocalModel } from './local-model.ts';
import { copyBase, count, path, paths, provider, readOptions, signal, wholeNumber } from './read-options.ts';
import { shareEnvironment } from './shared-environment.ts';
import { sourcedAdapter, type SourcedOptions } from './sourced-adapter.ts';

const schema = z.object({
  /** Adapters to load: their folders or files, by name. */
  adapters: paths.optional(),
  /** Opens the base from a private copy. true: in the folder for temporary files; a path: in that folder. */
  copyBase: copyBase.optional(),
  /** Accepts adapters that were trained on another base, including those that are loaded later. */
  anyBase: z.boolean({ error: 'true or false' }).optional(),
  /** The name of one of the base's chat templates, or a file with a template that is used instead of the base's. */
  chatTemplate: path.optional(),
  /** Whose chat template and tokenizer are used for an adapter. Default: those of the adapter's folder, if it has them. */
  template: z.enum(['base', 'adapter'], { error: 'base or adapter' }).optional(),
  /** The form in which the model writes calls of tools. Default: 'auto', as its chat template shows. */
  toolParser: z.enum(toolParsers, { error: `one of ${toolParsers.join(', ')}` }).optional(),
  /** Name of the base in `base:adapter`, and for the AI SDK and LangChain. Default: the name of its folder. */
  servedName: z.string({ error: 'a name' }).min(1, { error: 'a name' }).optional(),
  /** Number of threads that compute. Default: as many as suit the cores and limits of the process. All models of a process share them. */
  threads: count.optional(),
  /** Microseconds that threads wait in a busy loop within a run before they sleep; 0: none. Default: 50. All models of a process share it. */
  spinUs: wholeNumber.optional(),
  /** Where the model runs: 'auto', 'cpu', 'webgpu' or 'cuda'. Default: the CPU. All models of a process share it. */
  provider: provider.optional(),
  /** Most bytes that models, keys and values, and adapters may hold on a device. Default: as many as it gives. All models of a process share it. */
  deviceMemory: count.optional(),
  /** Number of calls that run at once. Others wait. Default: 16, or as many as `kvMemory` takes. */
  maxSlots: count.optional(),
  /** Maximum number of tokens of a prompt and its answer together. */
  maxLength: count.optional(),
  /** Bytes of memory for the keys and values of prompts that have run, which later prompts with the same beginning share; 0 keeps none. */
  prefixCache: wholeNumber.optional(),
  /** Bytes of memory for the keys and values of running calls, for `maxLength` tokens of each. Default: half of what is available. */
  kvMemory: count.optional(),
  /** Maximum number of waiting calls. */
  maxWaiting: count.optional(),
  /** Computes each request as if it ran alone, bit for bit; slower where several run. A request has one adapter at most then. */
  batchInvariant: z.boolean({ error: 'true or false' }).optional(),
  /** Accepts DoRA adapters that are loaded later. Default: true if `adapters` contains one. */
  dora: z.boolean({ error: 'true or false' }).optional(),
  /** Accepts adapters with biases (`lora_bias`) that are loaded later. Default: true if `adapters` contains one. */
  loraBias: z.boolean({ error: 'true or false' }).optional(),
  /** Keeps adapters of an `int8` base as floats, like those of other bases. By default they are bytes there. */
  exactAdapters: z.boolean({ error: 'true or false' }).optional(),
  /** Modules that adapters may change: names, a pattern, or 'all-linear'. Default: all linear ones but the head, and those of `adapters`. */
  adapterTargets: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)], { error: 'names, or a pattern' })
    .optional(),
  /** Bytes of memory for the weights of adapters. */
  adapterMemory: count.optional(),
  /** Aborts the opening. */
  signal: signal.optional(),
});

/** Options for opening a model. */
export type LoadModelOptions = z.input<typeof schema>;

/**
 * Opens a base with adapters for calls in this process.
 *
 * @param base  a folder in the format of the Hugging Face hub, or an ONNX file
 * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID; the errors of the base and the adapters; MODEL_TASK_UNSUPPORTED for a base that
 *   does not generate text. Nothing stays open then
 */
export async function loadModel(base: string, options: LoadModelOptions = {}): Promise<LocalModel> {
  const settings = readOptions(schema, options, 'loadModel');
  settings.signal?.throwIfAborted();
  const { base: place } = readOptions(z.object({ base: path }), { base }, 'loadModel');
  const given: (() => void | Promise<void>)[] = [];
  const dispose = async (): Promise<void> => {
    for (const each of given.splice(0).reverse()) await each();
  };
  try {
    const copy = await copyOf(place, settings);
    if (copy) given.push(() => copy[Symbol.asyncDispose]());
    const opened = await openBaseModel(copy?.path ?? place);
    const watch = await BaseWatch.open(opened);
    given.push(() => watch[Symbol.asyncDispose]());
    const tokenizer = await openTokenizer(basePath(opened), definedOnly({ chatTemplate: settings.chatTemplate }));
    const checks = await baseChecks(opened, settings);
    const own = tokenizer !== undefined && settings.template !== 'base';
    const tokenizers = own ? new AdapterTokenizers({ folder: basePath(opened), tokenizer }) : undefined;
    const adapters = await loadAdapters(settings.adapters ?? {}, opened, { ...checks, tokenizers });
    await verifyWeights(opened, { signal: settings.signal });
    const share = await shareEnvironment({ ...settings, weights: storedBytes(opened.stored) });
    given.push(() => share[Symbol.dispose]());
    const engine = await openEngine({
      base: opened,
      environment: share.environment,
      ...sizesOf(settings, adapters, opened),
    });
    const registry = new AdapterRegistry(engine.arena, { memory: settings.adapterMemory });
    given.push(
      () => registry.dispose(),
      () => engine.dispose(),
    );
    for (const [name, adapter] of adapters) await registry.load(name, adapter);
    const { toolParser, servedName: baseName = modelName(place) } = settings;
    return new LocalModel({
      base: opened,
      changed: watch.changed,
      checks,
      tokenizer,
      tokenizers,
      engine,
      registry,
      baseName,
      toolParser,
      dispose,
    });
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function copyOf(
  place: string,
  { copyBase: wanted = false, signal: ended }: z.output<typeof schema>,
): Promise<PrivateBase | undefined> {
  if (wanted === false) return undefined;
  return PrivateBase.open(place, { signal: ended, ...(typeof wanted === 'string' && { folder: wanted }) });
}

async function loadAdapters(
  places: Readonly<Record<string, string>>,
  base: BaseModel,
  options: BaseChecks & SourcedOptions,
): Promise<Map<string, SourcedAdapter>> {
  const adapters = new Map<string, SourcedAdapter>();
  for (const [name, place] of Object.entries(places)) {
    adapters.set(name, await sourcedAdapter(place, base.modules, options));
  }
  return adapters;
}

function sizesOf(
  {
    maxSlots,
    maxLength,
    maxWaiting,
    kvMemory,
    batchInvariant,
    prefixCache,
    dora,
    loraBias,
    exactAdapters,
    adapterTargets,
  }: z.output<typeof schema>,
  adapters: ReadonlyMap<string, Adapter>,
  base: BaseModel,
) {
  const all = [...adapters.values()].flatMap(({ modules }) => [...modules.values()]);
  return {
    adapterTargets: adapterTargets ?? neededTargets(adapters, base),
    maxSlots,
    maxLength,
    maxWaiting,
    kvMemory,
    batchInvariant,
    prefixCache,
    exactAdapters,
    dora: dora ?? all.some(({ magnitude }) => magnitude !== undefined),
    loraBias: loraBias ?? all.some(({ bias }) => bias !== undefined),
  };
}

/** All inner linear modules, and what the adapters change beyond them; undefined if that is nothing. */
function neededTargets(adapters: ReadonlyMap<string, Adapter>, base: BaseModel): string[] | undefined {
  const { modules: inner } = matchTargets(base.modules, 'all-linear');
  const needed = new Set([...inner, ...[...adapters.values()].flatMap(({ modules }) => [...modules.keys()])]);
  return needed.size === inner.length ? undefined : [...needed];
}
