import { z } from 'zod';
import { toolParsers } from '../../chat/index.ts';
import { decideThreads, definedOnly, EspalierError, onAdapterEvent } from '../../core/index.ts';
import { addFleetOptions, fleetSchema, fleetSettingsOf } from '../fleet-options.ts';
import { addJobOptions, jobSchema, jobSettingsOf } from '../job-options.ts';
import { checkServed } from '../check-served.ts';
import { readOptionsFile } from '../options-file.ts';
import { describeThreads } from '../describe-threads.ts';
import { roomText } from '../room-text.ts';
import { tellAdapters } from '../tell-adapters.ts';
import { noteOfKeys, reloadOnHangup } from '../tell-keys.ts';
import { logLevels, onKeysEvent, openServer, type Server } from '../../http/index.ts';
import { fallbacks, rolloutModes } from '../../routing/index.ts';
import { memoryPlans } from '../../batching/index.ts';
import { anyBaseOption, chatTemplateOption, collect, templateOption } from '../base-options.ts';
import { quarantineKeep } from '../quarantine-keep.ts';
import { rolloutSteps } from '../rollout-steps.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { modelSpecs, nonNegativeNumber, path, positiveInteger, readOptions, wholeNumber } from '../read-options.ts';
import { readLogitsProcessors } from '../read-logits-processors.ts';
import { keyOf } from '../server-options.ts';

const port = wholeNumber.refine((value) => value <= 65_535, { error: 'a port from 0 to 65535' });

const keyText = z.string().min(1, { error: 'a key' });
const hostNames = z.array(z.string().regex(/^(\*|[\w.:-]+)$/, { error: 'names without a scheme or a port, or *' }));
const origins = z.array(
  z.string().refine((text) => text === '*' || /^https?:\/\/[^/]+\/?$/i.test(text), {
    error: 'origins such as https://chat.example.com, or *',
  }),
);

const moduleTargets = z.union([z.string().min(1).transform(targetsOf), z.array(z.string().min(1)).min(1)], {
  error: 'names separated by commas, a regular expression, or all-linear',
});

const schema = z.object({
  base: path.optional(),
  copyBase: z.union([z.literal(true), path], { error: 'nothing, or a folder' }).optional(),
  model: modelSpecs.default([]),
  adapters: path.optional(),
  store: path.optional(),
  ...fleetSchema,
  ...jobSchema,
  golden: path.optional(),
  quarantineKeep: quarantineKeep.optional(),
  policy: path.optional(),
  anyBase: z.boolean().optional(),
  chatTemplate: path.optional(),
  template: z.enum(['base', 'adapter'], { error: 'base or adapter' }).optional(),
  toolParser: z.enum(toolParsers, { error: toolParsers.join(', ') }).optional(),
  host: z.string().min(1, { error: 'a host name or an address' }).optional(),
  port: port.optional(),
  apiKey: keyText.optional(),
  adminKey: keyText.optional(),
  readKey: keyText.optional(),
  keys: path.optional(),
  tlsCert: path.optional(),
  tlsKey: path.optional(),
  allowedHosts: hostNames.optional(),
  allowedOrigins: origins.optional(),
  servedName: z.string().min(1, { error: 'a name' }).optional(),
  drainTimeout: nonNegativeNumber.optional(),
  shutdownDelay: nonNegativeNumber.optional(),
  readyAdapters: z.array(z.string().min(1), { error: 'names of adapters' }).optional(),
  maxSlots: positiveInteger.optional(),
  adapterMemory: positiveInteger.optional(),
  maxAdapters: positiveInteger.optional(),
  adapterIdle: nonNegativeNumber.optional(),
  leaseLimit: nonNegativeNumber.optional(),
  maxResponses: wholeNumber.optional(),
  responseMemory: positiveInteger.optional(),
  responseAge: nonNegativeNumber.optional(),
  rollout: z.enum(rolloutModes, { error: rolloutModes.join(' or ') }).optional(),
  rolloutSteps: rolloutSteps.optional(),
  fallback: z.enum(fallbacks, { error: fallbacks.join(', ') }).optional(),
  maxLength: positiveInteger.optional(),
  logitsProcessors: path.optional(),
  batchInvariant: z.boolean().optional(),
  kvMemory: positiveInteger.optional(),
  maxWaiting: positiveInteger.optional(),
  prefixCache: wholeNumber.optional(),
  logLevel: z.enum(logLevels, { error: logLevels.join(', ') }).optional(),
  maxBatch: positiveInteger.optional(),
  maxWaitMs: nonNegativeNumber.optional(),
  dora: z.boolean().optional(),
  loraBias: z.boolean().optional(),
  exactAdapters: z.boolean().optional(),
  adapterTargets: moduleTargets.optional(),
  memoryPlan: z.enum(memoryPlans, { error: memoryPlans.join(', ') }).optional(),
});

/** `q_proj` and `q_proj,lm_head` are names; `all-linear` and regular expressions stay one text. */
function targetsOf(text: string): string | string[] {
  return /^[\w.,]+$/.test(text) ? text.split(',').filter((name) => name !== '') : text;
}

/** `espalier serve`: serves a base and its adapters by OpenAI's API, and ONNX models by the Open Inference Protocol, until Ctrl-C. */
export const serveCommand: CommandDefinition = {
  name: 'serve',
  summary:
    "Serve a base and its adapters through OpenAI's API, and any ONNX models through the Open Inference Protocol",
  examples: [
    'espalier serve demo/base --adapters adapters',
    'espalier serve demo/base --store adapters-store --rollout progressive',
    'espalier serve demo/base --store adapters-store --jobs jobs',
    'espalier serve demo/base --store adapters-store --fleet https://git.example.com/fleet.git --fleet-signers signers',
    'espalier serve --config serve.yaml --port 9000',
    'espalier serve --base models/llama --adapters adapters --port 9000 --api-key "$KEY"',
    'espalier serve --model digits=models/digits.onnx --max-batch 64 --max-wait-ms 2',
  ],
  configure(command) {
    addJobOptions(command);
    addFleetOptions(command);
    command
      .argument('[path]', 'the base, in the place of --base')
      .option('--base <dir>', 'the model: a Hugging Face folder, an ONNX file or folder, or hf:org/name')
      .option('--copy-base [dir]', 'serve private copies of base and models, made in a temporary folder or in this one')
      .option('--model <name=path>', 'an ONNX file to serve under /v2/models/<name>; may be repeated', collect)
      .option('--adapters <dir>', "folder of adapters; each is served under its folder's name")
      .option('--store <dir>', 'store of adapters, in the place of --adapters: they may come and go while it is served')
      .option(...anyBaseOption)
      .option(...chatTemplateOption)
      .option(...templateOption)
      .option(
        '--tool-parser <form>',
        `the form in which the model writes calls of tools: ${toolParsers.join(', ')} (default: auto, as its template shows)`,
      )
      .option('--host <host>', 'address to listen on (default: 127.0.0.1)')
      .option('--port <n>', 'port to listen on; 0 takes any free one (default: 8000)')
      .option('--api-key <key>', 'key that every request but those for health must bring (default: $ESPALIER_API_KEY)')
      .option(
        '--admin-key <key>',
        'key for changing adapters; without one, only this machine can (default: $ESPALIER_ADMIN_KEY)',
      )
      .option(
        '--read-key <key>',
        'key for looking at adapters and figures, which changes and computes nothing (default: $ESPALIER_READ_KEY)',
      )
      .option(
        '--keys <file>',
        'keys with names, each for some names of models and adapters; read again when it changes',
      )
      .option('--tls-cert <file>', 'speak HTTPS: the certificate with its chain, in PEM; read again when it changes')
      .option('--tls-key <file>', 'its private key, in PEM without a passphrase')
      .option('--allowed-hosts <names...>', 'names by which clients may call the server, beside its own and addresses')
      .option('--allowed-origins <origins...>', 'origins whose web pages may call the server')
      .option(
        '--log-level <level>',
        `requests as lines of JSON on standard error: ${logLevels.join(', ')} (default: none)`,
      )
      .option('--drain-timeout <seconds>', 'how long answers under way may take to finish at the end (default: 30)')
      .option(
        '--shutdown-delay <seconds>',
        'how long it goes on answering at the end while it is not ready, so that a balancer notices (default: 0)',
      )
      .option('--ready-adapters <names...>', 'adapters that must be served before the server is ready')
      .option('--served-name <name>', 'name of the base in requests (default: the name of its folder)')
      .option(
        '--adapter-memory <mb>',
        'memory for the weights of adapters (default: a quarter of what is available; 3/16 beside jobs)',
      )
      .option('--max-adapters <n>', 'adapters whose weights are in memory at once (default: as many as fit)')
      .option(
        '--adapter-idle <seconds>',
        'how long after its last use the weights of an adapter of a store stay in memory (default: 30)',
      )
      .option('--max-responses <n>', 'responses of /v1/responses that are kept at once; 0 keeps none (default: 10000)')
      .option('--response-memory <mb>', 'memory for these responses (default: 64)')
      .option('--response-age <seconds>', 'how long a response is kept after its last use (default: 86400)')
      .option(
        '--lease-limit <seconds>',
        'after which a request is told of that still uses a version that takes no new ones (default: 600)',
      )
      .option(
        '--golden <file>',
        'prompts with the beginnings of their answers, in JSON lines, which a new version of the store must answer first',
      )
      .option(
        '--quarantine-keep <bounds>',
        'how much of what the store refused is kept, the newest: 200, 10GB, 30d, or several with commas (default: all)',
      )
      .option(
        '--policy <file>',
        'who must have signed adapters of which names, and which bases may be served, in YAML; read again when it changes; needs --store for adapters',
      )
      .option(
        '--rollout <mode>',
        'how a new version in the store comes into service: immediate, or progressive by steps (default: immediate)',
      )
      .option('--rollout-steps <steps>', 'the steps of roll-outs (default: shadow,10%,100%)')
      .option(
        '--fallback <who>',
        `who answers for a version that fails: ${fallbacks.join(', ')} (default: previous, the version before)`,
      )
      .option('--max-slots <n>', 'sequences that run at once (default: 16, or as many as --kv-memory takes)')
      .option(
        '--max-length <n>',
        'tokens of a prompt and its answer together (default: 4096, or the context of the base)',
      )
      .option(
        '--kv-memory <mb>',
        'memory for the keys and values of running requests, each of --max-length tokens (default: half of what is available; 3/8 beside jobs)',
      )
      .option('--max-waiting <n>', 'requests that wait at once; others are refused with status 429 (default: 1024)')
      .option(
        '--prefix-cache <mb>',
        'memory for what was computed of prompts, for later ones with the same beginning; 0 keeps none (default: an eighth of what all slots can take)',
      )
      .option(
        '--batch-invariant',
        'compute each request as if it ran alone, bit for bit, with one adapter at most; slower where several run',
      )
      .option(
        '--logits-processors <file>',
        'an ES module whose exported functions change logits; requests choose them by name (logits_processors)',
      )
      .option('--dora', 'take DoRA adapters that are loaded later; set by itself where the folder has one at the start')
      .option(
        '--lora-bias',
        'take adapters with lora_bias that are loaded later; set by itself where the folder has one at the start',
      )
      .option(
        '--exact-adapters',
        'keep adapters of a quantized base as floats: exact, slower, and four times the memory',
      )
      .option(
        '--adapter-targets <targets>',
        'modules that adapters may change (default: all linear ones but the head, and what the folder needs at the start)',
      )
      .option('--max-batch <n>', 'most rows of a batch of a model; 1 joins no requests (default: 64)')
      .option('--max-wait-ms <ms>', 'how long a request to a model may wait for others to join it (default: 2)')
      .option('--memory-plan <plan>', `how buffers of models are planned: ${memoryPlans.join(', ')} (default: fixed)`)
      .option('--config <file>', 'these options in YAML, by their names; options given here win');
  },
  async run(options, context) {
    const read = readOptions(schema, await withFile(options));
    if (read.base === undefined && read.model.length === 0) {
      throw new EspalierError('CLI_USAGE', {
        problem: 'Name a --base or a --model to serve.',
        help: 'espalier serve --help',
      });
    }
    await checkServed({
      ...definedOnly({ adapters: read.adapters }),
      models: read.model.map(({ path: file }) => file),
    });
    const apiKey = keyOf(read.apiKey, 'ESPALIER_API_KEY');
    const adminKey = keyOf(read.adminKey, 'ESPALIER_ADMIN_KEY');
    const readKey = keyOf(read.readKey, 'ESPALIER_READ_KEY');
    warnOfOpenDoor(read.host, apiKey ?? read.keys, context);
    const {
      model: models,
      adapterMemory,
      kvMemory,
      prefixCache,
      adapterIdle,
      leaseLimit,
      drainTimeout,
      shutdownDelay,
      logitsProcessors: processors,
      ...others
    } = read;
    const { rolloutSteps: steps, responseMemory, responseAge, tlsCert, tlsKey, ...offered } = others;
    const { fleetInterval, fleetTimeout, ...withoutInterval } = offered;
    const { jobs: _jobs, maxJobs, jobThreads, jobMemory, jobSigningKey, ...withoutJobs } = withoutInterval;
    const { jobWebhook, jobWebhookSecret, ...rest } = withoutJobs;
    const ofTraining = { maxJobs, jobThreads, jobMemory, jobSigningKey };
    const jobs = jobSettingsOf({ jobs: _jobs, ...ofTraining, jobWebhook, jobWebhookSecret });
    using _keys = onKeysEvent((event) => context.output.note(noteOfKeys(event)));
    using notes = tellAdapters(onAdapterEvent, (text) => context.output.note(text));
    context.output.note(openingOf(read));
    const logitsProcessors = processors === undefined ? undefined : await readLogitsProcessors(processors);
    const server = await openServer({
      ...definedOnly(rest),
      ...definedOnly({ adapterMemory: bytesOf(adapterMemory), kvMemory: bytesOf(kvMemory) }),
      ...definedOnly({ prefixCache: bytesOf(prefixCache) }),
      models,
      ...definedOnly({ logitsProcessors }),
      ...(steps === undefined ? {} : { rolloutOptions: { steps } }),
      ...fleetSettingsOf(fleetInterval, fleetTimeout),
      ...definedOnly({ tls: tlsOf(tlsCert, tlsKey), jobs }),
      ...definedOnly({ apiKey, adminKey, readKey, drainTimeoutMs: drainTimeout && drainTimeout * 1000 }),
      ...(shutdownDelay === undefined ? {} : { shutdownDelayMs: shutdownDelay * 1000 }),
      ...(adapterIdle === undefined ? {} : { adapterIdleMs: adapterIdle * 1000 }),
      ...(leaseLimit === undefined ? {} : { leaseLimitMs: leaseLimit * 1000 }),
      ...(responseMemory === undefined ? {} : { responseMemory: responseMemory * 2 ** 20 }),
      ...(responseAge === undefined ? {} : { responseAgeMs: responseAge * 1000 }),
      threads: context.threads,
      spinUs: context.spinUs,
      provider: context.provider,
      ...definedOnly({ deviceMemory: context.deviceMemory }),
      signal: context.signal,
    });
    using _reload = reloadOnHangup(read.keys !== undefined, server);
    announce(server, context);
    notes.begin(server.adapterNames);
    await untilAborted(context.signal);
    context.output.note('Shutting down: finishing the answers under way…');
    await server.close();
  },
};

function bytesOf(megabytes: number | undefined): number | undefined {
  return megabytes === undefined ? undefined : megabytes * 2 ** 20;
}

/** Merges the options of the settings file and of the command line. Those of the command line take precedence. */
async function withFile(options: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
  const { config, path: place, ...flags } = options;
  if (place !== undefined && flags['base'] !== undefined) {
    throw new EspalierError('CLI_CONFLICT', { expected: 'the base once', actual: 'a path and --base' });
  }
  const given = definedOnly({ ...flags, base: place ?? flags['base'] });
  if (typeof config !== 'string') return given;
  return { ...(await readOptionsFile(config, { command: 'serve', known: Object.keys(schema.shape) })), ...given };
}

/** The line that is printed first, because a large base takes a while to open. */
function openingOf({ base, adapters, store, model }: z.output<typeof schema>): string {
  const parts = [
    ...(base === undefined ? [] : [base]),
    ...model.map(({ path: file }) => file),
    ...(adapters === undefined ? [] : [`the adapters of ${adapters}`]),
    ...(store === undefined ? [] : [`the store ${store}`]),
  ];
  return `Opening ${new Intl.ListFormat('en').format(parts)} …`;
}

function announce(
  { url, baseName, adapterNames, modelNames, room, memory }: Server,
  { output, threads, spinUs }: CommandContext,
): void {
  const plan = decideThreads(threads);
  const adapters = adapterNames.length === 0 ? 'no adapter' : adapterNames.join(', ');
  output.answer(
    {
      url,
      base: baseName,
      adapters: adapterNames,
      models: modelNames,
      ...(room && { room }),
      ...(memory && { memory }),
      threads: { ...plan, spinUs },
    },
    () => {
      const lines = [
        ...(baseName === undefined ? [] : [`Serving ${baseName} with ${adapters} at ${url}`]),
        ...(room === undefined ? [] : [roomText(room)]),
        ...(memory === undefined ? [] : [memoryText(memory)]),
        describeThreads(plan, spinUs),
        ...modelNames.map((name) => `Serving ${name} at ${url}/v2/models/${name}`),
      ];
      const hint = baseName === undefined ? '' : `OPENAI_BASE_URL=${url}/v1   `;
      return [...lines, `  Dashboard at ${url}/dashboard`, `  ${hint}Ctrl-C ends it.`].join('\n');
    },
  );
}

/** What may be taken of the memory, apart from the base and its runs. */
function memoryText({ available, kv, adapters, job }: NonNullable<Server['memory']>): string {
  const megabytes = (count: number): string => Math.floor(count / 2 ** 20).toLocaleString('en-US');
  const training = job === undefined ? '' : `, ${megabytes(job)} for each training`;
  const parts = `${megabytes(kv)} MB for keys and values, ${megabytes(adapters)} for adapters${training}`;
  return `  Memory: up to ${parts}, of ${megabytes(available)} MB available`;
}

/** WHY a warning and not an error: a proxy in front of the server may check the key. */
function warnOfOpenDoor(host: string | undefined, key: string | undefined, { output }: CommandContext): void {
  const loopback = ['127.0.0.1', '::1', 'localhost', undefined].includes(host);
  if (!loopback && key === undefined) {
    output.note(`Listening on ${host} without --api-key or --keys: anyone who reaches it can ask for answers.`);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** @throws EspalierError CLI_CONFLICT */
function tlsOf(
  cert: string | undefined,
  key: string | undefined,
): { readonly cert: string; readonly key: string } | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  const actual = cert === undefined ? '--tls-key alone' : '--tls-cert alone';
  throw new EspalierError('CLI_CONFLICT', { expected: '--tls-cert and --tls-key together', actual });
}
