import { z } from 'zod';
import { toolParsers } from '../chat/index.ts';
import { definedOnly } from '../core/index.ts';
import { logLevels, openServer, type Server } from '../http/index.ts';
import { fallbacks, rolloutModes } from '../routing/index.ts';
import { memoryPlans } from '../batching/index.ts';
import {
  copyBase,
  count,
  logitsFunction,
  path,
  paths,
  provider,
  readOptions,
  signal,
  wholeNumber,
} from './read-options.ts';
import { shareEnvironment } from './shared-environment.ts';

const text = z.string({ error: 'a text' }).min(1, { error: 'a text that is not empty' });
const duration = z.number({ error: 'a number, 0 or more' }).refine((value) => value >= 0, 'a number, 0 or more');

const numbers = z.record(z.string(), z.number({ error: 'a number' }), { error: 'numbers by name' });
/** The names and the bounds of the numbers are checked by their reader. */
const rolloutOptions = z.strictObject(
  { steps: z.array(numbers).readonly().optional(), limits: numbers.optional(), noise: numbers.optional() },
  { error: 'an object with steps, limits or noise' },
);

/** The folder of jobs, and what they may take. */
const jobs = z.strictObject(
  {
    dir: path,
    maxJobs: count.optional(),
    threads: count.optional(),
    memory: count.optional(),
    signingKey: text.optional(),
    webhook: z
      .strictObject({ url: z.url({ protocol: /^https?$/ }), secret: text })
      .readonly()
      .optional(),
  },
  { error: 'an object with dir, maxJobs, threads, memory, signingKey or webhook' },
);

const schema = z.object({
  /** The base model: a folder of the Hugging Face hub, or an ONNX file. Without one, only `models` are served. */
  base: path.optional(),
  /**
   * Serves the base and the models from private copies, so that writing to the originals changes nothing. true: copies in the folder for
   * temporary files; a path: copies in that folder.
   */
  copyBase: copyBase.optional(),
  /** Folder of adapters: each adapter folder in it is served under its name. Adapters can be loaded from it later. */
  adapters: path.optional(),
  /** Folder of a store, in place of a folder of adapters: adapters that are dropped into it are verified and served while the server runs. */
  store: path.optional(),
  /**
   * Fine-tuning jobs through OpenAI's API, kept in the folder `dir`. Needs `store`. `threads` and `memory` (in bytes) are those of each
   * training, by default a quarter of the cores, and of the available memory for all of them together; `webhook` is told of changes of states. `signingKey` is the
   * text of a secret key of minisign without a password, by which their adapters are signed for `policy`.
   */
  jobs: jobs.readonly().optional(),
  /**
   * Where the fleet is declared that the server follows: a Git repository (`file:`, `ssh:` or `https:`) or a folder, with `#folder` where
   * fleet.yaml is not at its root. Needs `store`.
   */
  fleet: text.optional(),
  /** The branch that is followed. Default: the one to which the repository's HEAD points. */
  fleetBranch: text.optional(),
  /** Milliseconds between two looks at the fleet. */
  fleetIntervalMs: duration.optional(),
  /** Milliseconds that the repository may take to say which commit it has. It is asked again meanwhile. */
  fleetTimeoutMs: duration.optional(),
  /**
   * Whose keys must have signed the commits of the fleet: a file or a folder of files, each with lines of allowed signers in the form of
   * `ssh-keygen`, or with armoured OpenPGP keys.
   */
  fleetSigners: path.optional(),
  /** A folder for adapters of the fleet that do not lie in its repository. */
  fleetAdapters: path.optional(),
  /** A file of golden prompts, which every new version of the store answers before requests get it. */
  golden: path.optional(),
  /** A file that says who must have signed adapters of which names, and which bases may be served. It is read again when it changes. */
  policy: path.optional(),
  /** Accepts adapters that were trained on another base. */
  anyBase: z.boolean({ error: 'true or false' }).optional(),
  /** The name of one of the base's chat templates, or a file with a template that is used instead of the base's. */
  chatTemplate: path.optional(),
  /** Whose chat template and tokenizer are used for an adapter. Default: those of the adapter's folder, if it has them. */
  template: z.enum(['base', 'adapter'], { error: 'base or adapter' }).optional(),
  /** The form in which the model writes calls of tools. Default: 'auto', as its chat template shows. */
  toolParser: z.enum(toolParsers, { error: `one of ${toolParsers.join(', ')}` }).optional(),
  /** ONNX files for the Open Inference Protocol, by the names under which they are served. */
  models: paths.optional(),
  host: text.optional(),
  /** The TCP port; 0 selects any free port. */
  port: wholeNumber.refine((value) => value <= 65_535, { error: 'a port from 0 to 65535' }).optional(),
  /** The key that requests must send. */
  apiKey: text.optional(),
  /** The key for loading and unloading adapters, instead of `apiKey`. */
  adminKey: text.optional(),
  /** The key for looking at adapters, roll-outs and figures. It changes and computes nothing. */
  readKey: text.optional(),
  /** File of keys with names, each for some names of models and adapters. It is read again when it changes. */
  keys: path.optional(),
  /** The certificate with its chain and its private key, as files in PEM: the server then speaks HTTPS. They are read again when they change. */
  tls: z.strictObject({ cert: path, key: path }, { error: 'the files cert and key' }).readonly().optional(),
  /** Host names that requests may use, in addition to the server's own names and addresses; `*` allows every name. */
  allowedHosts: z.array(text, { error: 'names of hosts' }).readonly().optional(),
  /** Origins whose web pages may send requests; `*` allows every origin. */
  allowedOrigins: z.array(text, { error: 'origins' }).readonly().optional(),
  /** Name under which the base is served. Default: the name of its folder. */
  servedName: text.optional(),
  /** Number of threads that compute. Default: as many as suit the cores and limits of the process. */
  threads: count.optional(),
  /** Microseconds that threads wait in a busy loop within a run before they sleep; 0: none. Default: 50. All models of a process share it. */
  spinUs: wholeNumber.optional(),
  /** Where models run: 'auto', 'cpu', 'webgpu' or 'cuda'. Default: the CPU. All models of a process share it. */
  provider: provider.optional(),
  /** Most bytes that models, keys and values, and adapters may hold on a device. Default: as many as it gives. All models of a process share it. */
  deviceMemory: count.optional(),
  /** Number of sequences that run at once. Default: 16, or as many as `kvMemory` takes. */
  maxSlots: count.optional(),
  /** Maximum number of tokens of a prompt and its answer together. */
  maxLength: count.optional(),
  /** Bytes of memory for the keys and values of running requests, for `maxLength` tokens of each. Default: half of what is available, less beside `jobs`. */
  kvMemory: count.optional(),
  /** Maximum number of requests that wait; each choice counts as one. Others are refused with status 429. Default: 1024. */
  maxWaiting: count.optional(),
  /** Bytes of memory for the keys and values of prompts that have run, which later prompts with the same beginning share; 0 keeps none. */
  prefixCache: wholeNumber.optional(),
  /** Bytes of memory for the weights of adapters. Default: a quarter of what is available, less beside `jobs`. */
  adapterMemory: count.optional(),
  /** Number of adapters whose weights are in memory at once. */
  maxAdapters: count.optional(),
  /** Milliseconds after its last use at which the weights of an adapter of a store are released. */
  adapterIdleMs: duration.optional(),
  /** Milliseconds after which a request is told of that still uses a version that takes no new ones. */
  leaseLimitMs: duration.optional(),
  /** How much of what the store refused is kept, the newest: number, bytes, and milliseconds since then. Default: all of it. */
  quarantineKeep: z
    .strictObject({ count: count.optional(), bytes: count.optional(), ageMs: duration.optional() })
    .readonly()
    .optional(),
  /** Number of responses of `/v1/responses` that are kept at once; 0 keeps none. */
  maxResponses: wholeNumber.optional(),
  /** Bytes of memory for these responses. */
  responseMemory: count.optional(),
  /** Milliseconds for which a response is kept after its last use. */
  responseAgeMs: duration.optional(),
  /** Who answers for a version that fails: the version before (the default), the base, or nobody. */
  fallback: z.enum(fallbacks, { error: `one of ${fallbacks.join(', ')}` }).optional(),
  /** How a new version in the store comes into service: at once (the default), or by steps. */
  rollout: z.enum(rolloutModes, { error: `one of ${rolloutModes.join(', ')}` }).optional(),
  /** Steps, limits and noise of roll-outs; what is absent gets its default. */
  rolloutOptions: rolloutOptions.optional(),
  /** How long `close` waits for running requests. */
  drainTimeoutMs: duration.optional(),
  /** How long `close` goes on answering, while the server is not ready any more, before it begins to end. Default: 0. */
  shutdownDelayMs: duration.optional(),
  /** Adapters that must be served before the server is ready. */
  readyAdapters: z.array(z.string().min(1), { error: 'names of adapters' }).optional(),
  /** Functions that change the logits before tokens are drawn, by the names by which requests choose them (`logits_processors`). */
  logitsProcessors: z.record(z.string().min(1), logitsFunction, { error: 'functions by name' }).readonly().optional(),
  /** Computes each request as if it ran alone, bit for bit; slower where several run. A request has one adapter at most then. */
  batchInvariant: z.boolean({ error: 'true or false' }).optional(),
  /** Accepts DoRA adapters that are loaded later. */
  dora: z.boolean({ error: 'true or false' }).optional(),
  /** Accepts adapters with biases (`lora_bias`) that are loaded later. */
  loraBias: z.boolean({ error: 'true or false' }).optional(),
  /** Keeps adapters of an `int8` base as floats, like those of other bases. By default they are bytes there. */
  exactAdapters: z.boolean({ error: 'true or false' }).optional(),
  /** Modules that adapters may change: names, a pattern, or 'all-linear'. */
  adapterTargets: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)], { error: 'names, or a pattern' })
    .optional(),
  /** Maximum number of rows in a batch of a model. */
  maxBatch: count.optional(),
  /** How long a request to a model may wait for others to join its batch. */
  maxWaitMs: duration.optional(),
  memoryPlan: z.enum(memoryPlans, { error: `one of ${memoryPlans.join(', ')}` }).optional(),
  /** Requests as lines of JSON on standard error: only failures (`error`) up to each request (`info`). Default: none. */
  logLevel: z.enum(logLevels, { error: `one of ${logLevels.join(', ')}` }).optional(),
  /** Aborts the opening. A server that listens is closed with `close`. */
  signal: signal.optional(),
});

/** Options of `serve`. */
export type ServeOptions = z.input<typeof schema>;

/**
 * Serves a base with its adapters, and ONNX models, over HTTP, in this process.
 *
 * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID, PORT_IN_USE; the errors of the base and the adapters. Nothing stays open then
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const {
    threads,
    spinUs,
    provider: place,
    deviceMemory,
    models = {},
    ...rest
  } = readOptions(schema, options, 'serve');
  const share = await shareEnvironment({ threads, spinUs, provider: place, deviceMemory });
  try {
    const { environment } = share;
    const sources = Object.entries(models).map(([name, file]) => ({ name, path: file }));
    const server = await openServer({ ...definedOnly(rest), models: sources, environment });
    return closing(server, () => share[Symbol.dispose]());
  } catch (error) {
    share[Symbol.dispose]();
    throw error;
  }
}

/** The server, with a `close` that also calls `after`. */
function closing(server: Server, after: () => void): Server {
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= server.close().finally(after));
  return { ...server, close, [Symbol.asyncDispose]: close };
}
