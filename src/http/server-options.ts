import type { FleetSettings } from './fleet/open-fleet.ts';
import type { ProviderChoice } from '../execution/index.ts';
import type { TlsFiles } from './tls/read-certificate.ts';
import type { ResponseOptions } from './responses/response-options.ts';
import type { FastifyServerOptions } from 'fastify';
import type { LogLevel } from './logs/request-log.ts';
import type { MemoryPlan } from '../batching/index.ts';
import type { ToolParser } from '../chat/index.ts';
import type { ServedJobSettings } from './fine-tuning/open-jobs.ts';
import type { Environment } from '../onnxruntime/index.ts';
import type { Fallback, RolloutMode, RolloutOptions } from '../routing/index.ts';
import type { LogitsFunction, ModelSource, QuarantineBounds, TemplateOf } from '../service/index.ts';

export interface ServerOptions extends ResponseOptions, FleetSettings {
  /** Folder of the base model; without one, only models are served. */
  readonly base?: string;
  /**
   * Serves the base and the models from private copies, in the folder for temporary files or in this folder, so that nothing that is
   * written to the originals changes what is served.
   */
  readonly copyBase?: boolean | string;
  /** Models for the Open Inference Protocol. */
  readonly models?: readonly ModelSource[];
  /**
   * Folder of adapters. Each adapter in it is served under the name of its folder. The adapters of a model are in a subfolder with the
   * model's name.
   */
  readonly adapters?: string;
  /**
   * Folder of a store, in the place of a folder of adapters: adapters that are dropped into it are verified and served while the server
   * runs. Only a base that generates text has one.
   */
  readonly store?: string;
  /**
   * Fine-tuning jobs through OpenAI's API (`/v1/files`, `/v1/fine_tuning/jobs`): where they are kept, and what they may take. Their
   * adapters go through the store, which there must be.
   */
  readonly jobs?: ServedJobSettings;
  /** Takes adapters that were trained on another base. Default: they are refused. */
  readonly anyBase?: boolean;
  /** The name of one of the base's chat templates, or a file with a template that stands in the place of the base's. */
  readonly chatTemplate?: string;
  /** Whose chat template and tokenizer requests for an adapter use. Default: those of the adapter's folder, where it has them. */
  readonly template?: TemplateOf;
  /** The form in which the model writes calls of tools. Default: 'auto', as its chat template shows. */
  readonly toolParser?: ToolParser;
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port?: number;
  /** Key for every route except those for health. */
  readonly apiKey?: string;
  /**
   * Key for the routes that change adapters. It opens all other routes too. Without it, they are open to requests of this machine only,
   * with `apiKey` if there is one.
   */
  readonly adminKey?: string;
  /** Key for looking at adapters, roll-outs and figures: it changes and computes nothing. Default: `adminKey` is needed for that. */
  readonly readKey?: string;
  /**
   * File of keys with names, each for some names of models and adapters, beside `apiKey` and `adminKey`. It is read again when it
   * changes. What comes of that is told on the channel `espalier:keys`.
   */
  readonly keys?: string;
  /** Files in PEM: the certificate with its chain, and its private key. The server then speaks HTTPS. They are read again when they change. */
  readonly tls?: TlsFiles;
  /** Further names by which clients may call the server, besides its own and IP addresses; `*` allows every name. */
  readonly allowedHosts?: readonly string[];
  /** Origins whose web pages may call the server, such as `https://chat.example.com`; `*` allows every origin. */
  readonly allowedOrigins?: readonly string[];
  /** How long `close` waits for running answers. Default: 30 seconds. */
  readonly drainTimeoutMs?: number;
  /**
   * How long `close` goes on answering before it begins to end, while it is not ready any more: so long a balancer takes to notice. Default: 0.
   */
  readonly shutdownDelayMs?: number;
  /** Adapters that must be served before the server is ready. Default: none. */
  readonly readyAdapters?: readonly string[];
  /** Name under which the base is served. Default: the name of its folder. */
  readonly servedName?: string;
  /** Threads that compute; by default as many as suit the cores and limits of the process. Not read where `environment` is given. */
  readonly threads?: number;
  /** Whether threads wait in a busy loop within a run: faster on cores that nothing else uses. Default: false. */
  readonly spinUs?: number;
  /** Where models run; by default on the CPU. Not read where `environment` is given. */
  readonly provider?: ProviderChoice;
  /** Most bytes that may be held on the device of a provider. Not read where `environment` is given. */
  readonly deviceMemory?: number;
  /** An environment that is open already, and stays so; by default the server opens one of its own. */
  readonly environment?: Environment;
  /** Sequences that run at once. Default: 16, or as many as `kvMemory` takes. */
  readonly maxSlots?: number;
  /** Tokens of a prompt and its answer together; at most the context of the base. */
  readonly maxLength?: number;
  /**
   * Bytes for the keys and values of running requests. All slots must be able to grow to `maxLength`. Default: half of the memory that is
   * available at the start, three eighths where there are `jobs`, or what the other budgets leave.
   */
  readonly kvMemory?: number;
  /** Most requests that wait for a slot; each choice counts as one. Others are refused with status 429. Default: 1024. */
  readonly maxWaiting?: number;
  /** Bytes for the keys and values of prompts that have run; 0 keeps none. Default: an eighth of what all slots can take. */
  readonly prefixCache?: number;
  /** Bytes of host memory for the weights of registered adapters. Default: a quarter of the memory that is available at the start, three sixteenths where there are `jobs`, or what the other budgets leave. */
  readonly adapterMemory?: number;
  /** Adapters whose weights are in host memory at once. Default: as many as `adapterMemory` takes. */
  readonly maxAdapters?: number;
  /** Milliseconds after its last use at which the weights of an adapter of a store are released. Default: 30 seconds. */
  readonly adapterIdleMs?: number;
  /** Milliseconds after which a request is told of that still uses a version that takes no new ones. Default: 10 minutes. */
  readonly leaseLimitMs?: number;
  /** How much of what the store refused is kept, the newest: number, bytes, and milliseconds since then. Default: all of it. */
  readonly quarantineKeep?: QuarantineBounds;
  /**
   * A file of golden prompts, JSON lines with `prompt` or `messages`, `answer`? and `adapter`?. A new version of the store answers them
   * before requests get it. Without a file it runs once.
   */
  readonly golden?: string;
  /**
   * A file that says who must have signed adapters of which names, and which bases may be served. It is read again when it changes. Adapters come
   * from `store` alone then.
   */
  readonly policy?: string;
  /** Who answers for a version that fails: the version before, the base, or nobody. Default: the version before. */
  readonly fallback?: Fallback;
  /**
   * How a new version of a name comes into service that is dropped into the store: at once, or by steps beside the version before.
   * Default: at once.
   */
  readonly rollout?: RolloutMode;
  /** Steps and limits of roll-outs. */
  readonly rolloutOptions?: RolloutOptions;
  /** Functions that change the logits before tokens are drawn, by the names by which requests choose them. */
  readonly logitsProcessors?: Readonly<Record<string, LogitsFunction>>;
  /**
   * Computes each request as if it ran alone, bit for bit, whatever else runs; slower where several run. A request has one adapter at
   * most then, and no prompts are kept.
   */
  readonly batchInvariant?: boolean;
  /** Supports DoRA adapters, also those loaded later. Default: whether the folder of adapters contains one at the start. */
  readonly dora?: boolean;
  /** Supports adapters with biases (`lora_bias`), also those loaded later. Default: whether the folder contains one at the start. */
  readonly loraBias?: boolean;
  /** Keeps adapters of a quantized base as floats, like those of other bases. By default they are bytes where the base rounds its inputs. */
  readonly exactAdapters?: boolean;
  /** Modules that adapters may change: names, a pattern, or 'all-linear'. Default: all linear ones but the head, and those that the folder needs. */
  readonly adapterTargets?: readonly string[] | string;
  /** Most rows of a batch of a model. */
  readonly maxBatch?: number;
  /** How long a request to a model may wait for others to join it. */
  readonly maxWaitMs?: number;
  readonly memoryPlan?: MemoryPlan;
  /** Requests as lines of JSON on standard error. Default: none. */
  readonly logLevel?: LogLevel;
  /** A log of the caller's own, in its place. */
  readonly logger?: FastifyServerOptions['logger'];
  readonly signal?: AbortSignal;
}
