import { z } from 'zod';
import { openServer, type Server } from '../http/index.ts';
import { memoryPlans } from '../batching/index.ts';
import { copyBase, count, definedOnly, path, paths, readOptions, signal, wholeNumber } from './read-options.ts';
import { shareEnvironment } from './shared-environment.ts';

const text = z.string({ error: 'a text' }).min(1, { error: 'a text that is not empty' });
const duration = z.number({ error: 'a number, 0 or more' }).refine((value) => value >= 0, 'a number, 0 or more');

const schema = z.object({
  /** The base model: a folder of the Hugging Face hub, or an ONNX file. Without one, only `models` are served. */
  base: path.optional(),
  /**
   * Serves the base and the models from private copies, in the folder for temporary files or in the folder that is named here: writing
   * to the originals then changes nothing.
   */
  copyBase: copyBase.optional(),
  /** Folder of adapters: each folder in it that holds one is served under its name, and others are loaded from it later. */
  adapters: path.optional(),
  /** Takes adapters that were trained on another base. */
  anyBase: z.boolean({ error: 'true or false' }).optional(),
  /** ONNX files for the Open Inference Protocol, by the name under which each is served. */
  models: paths.optional(),
  host: text.optional(),
  /** 0 takes any free port. */
  port: wholeNumber.refine((value) => value <= 65_535, { error: 'a port from 0 to 65535' }).optional(),
  /** The key that requests must bring. */
  apiKey: text.optional(),
  /** The key for loading and unloading adapters, in the place of `apiKey`. */
  adminApiKey: text.optional(),
  /** Names by which clients may call the server, beside its own and addresses; `*` takes every name. */
  allowedHosts: z.array(text, { error: 'names of hosts' }).readonly().optional(),
  /** Origins whose web pages may call the server; `*` takes every origin. */
  allowedOrigins: z.array(text, { error: 'origins' }).readonly().optional(),
  /** Name under which the base is served; by default that of its folder. */
  servedName: text.optional(),
  /** Threads that compute; by default one for each core. */
  threads: count.optional(),
  /** Sequences that run at once. */
  maxSlots: count.optional(),
  /** Tokens of a prompt and its answer together. */
  maxLength: count.optional(),
  /** Bytes of memory for the weights of adapters. */
  adapterMemory: count.optional(),
  /** How long `close` waits for answers under way. */
  drainTimeoutMs: duration.optional(),
  /** Takes DoRA adapters that are loaded later. */
  dora: z.boolean({ error: 'true or false' }).optional(),
  /** Most rows of a batch of a model. */
  maxBatch: count.optional(),
  /** How long a request to a model may wait for others to join it. */
  maxWaitMs: duration.optional(),
  memoryPlan: z.enum(memoryPlans, { error: `one of ${memoryPlans.join(', ')}` }).optional(),
  /** Ends the opening. What listens is closed by `close`. */
  signal: signal.optional(),
});

/** What is served, and how. */
export type ServeOptions = z.input<typeof schema>;

/**
 * Serves a base with its adapters, and models, over HTTP, in this process.
 *
 * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID, PORT_IN_USE; those of the base and the adapters. Nothing is left open
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { threads, models = {}, ...rest } = readOptions(schema, options, 'serve');
  const share = shareEnvironment(threads);
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

/** The server, whose end gives something more back. */
function closing(server: Server, after: () => void): Server {
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= server.close().finally(after));
  return { ...server, close, [Symbol.asyncDispose]: close };
}
