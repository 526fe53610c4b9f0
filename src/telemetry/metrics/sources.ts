/** What a server knows of itself when its series are read. */
export interface MetricSources {
  /** Name under which the base is served. */
  readonly baseName: string;
  /** Whether the server takes requests. */
  isReady(): boolean;
  readonly engine?: (() => EngineSample) | undefined;
  /** The names of adapters, in the order of loading. */
  readonly adapters?: (() => Iterable<AdapterSample>) | undefined;
  /** Breakers of versions that were called. */
  readonly breakers?: (() => Iterable<BreakerSample>) | undefined;
  readonly rollouts?: (() => Iterable<RolloutSample>) | undefined;
  readonly fleet?: (() => FleetSample) | undefined;
  readonly jobs?: (() => JobsSample) | undefined;
  /** undefined: no traces are written. */
  readonly spans?: (() => SpansSample) | undefined;
  /** Whether the policy's file cannot be used as it is now. */
  readonly policy?: (() => { readonly isRefused: boolean }) | undefined;
  /** Host memory of the weights that are kept, in bytes, and the number of versions. */
  readonly memory?: (() => { readonly used: number; readonly limit: number; readonly versions: number }) | undefined;
}

/** How many spans were made, taken by the collector, and not taken by it. What is none of the last two waits, or was dropped. */
export interface SpansSample {
  readonly made: number;
  readonly sent: number;
  readonly failed: number;
}

/** How the fleet of a server stands. */
export interface FleetSample {
  /** undefined: its source was never seen. */
  readonly ageSeconds: number | undefined;
  /** How long the look goes on that does; 0: none does. */
  readonly lookSeconds: number;
  readonly sync: string;
  /** The commit that is applied; empty: none is. */
  readonly commit: string;
  /** Names by kind. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** How the fine-tuning jobs of a server stand. */
export interface JobsSample {
  /** Number of jobs by state. */
  readonly states: Readonly<Record<string, number>>;
  /** Jobs that can train at once. */
  readonly places: number;
  /** Time of all processes that train or have trained. */
  readonly trainingSeconds: number;
}

export interface EngineSample {
  readonly slots: number;
  readonly running: number;
  readonly waiting: number;
  /** From 0 to 1. */
  readonly cacheUsage: number;
  /** Names of the adapters of these sequences, each once. */
  readonly runningAdapters: Iterable<string>;
  readonly waitingAdapters: Iterable<string>;
  readonly requests: Readonly<
    Record<'accepted' | 'refused' | 'finished' | 'cancelled' | 'failed' | 'preempted', number>
  >;
  readonly tokens: { readonly prompt: number; readonly generated: number };
  /** Decode steps by the number of sequences in them. */
  readonly batchSizes: Readonly<Record<number, number>>;
  readonly prefixes?: {
    readonly askedTokens: number;
    readonly hitTokens: number;
    readonly damaged: number;
    readonly bytes: number;
  };
  /** The rows of the adapters that runs read; undefined if only the base is served. */
  readonly arena?:
    | { readonly rows: number; readonly used: number; readonly present: number; readonly activations: number }
    | undefined;
}

export interface AdapterSample {
  readonly name: string;
  readonly state: string;
  /** SHA-256 of its content, if it is known. */
  readonly version: string | undefined;
  readonly bytes: number;
  readonly requests: number;
  /** Whether its weights are in host memory, and where runs read them. */
  readonly isResident: boolean;
  readonly isActive: boolean;
  /** Whether its weights stay in memory. */
  readonly isPinned: boolean;
  readonly isDraining: boolean;
}

export interface BreakerSample {
  readonly version: string;
  readonly state: string;
}

export interface RolloutSample {
  readonly name: string;
  readonly phase: string;
  readonly step: number;
  /** Shares from 0 to 1. */
  readonly share: number;
  readonly mirror: number;
  readonly comparisons: number;
  /** Means of the comparisons: nats, and a share from 0 to 1. */
  readonly divergence: number;
  readonly agreement: number;
}

/** A sequence that has left the engine. Times are those of one monotonic clock, in milliseconds. */
export interface EndedSequence {
  readonly how: 'finished' | 'cancelled' | 'failed';
  /** Whether it ran for no client, but for a roll-out. */
  readonly isBackground: boolean;
  readonly adapters: readonly { readonly name: string; readonly version: string; readonly scale: number }[];
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly generatedTokens: number;
  readonly times: {
    readonly arrived?: number | undefined;
    readonly admitted?: number | undefined;
    readonly firstToken?: number | undefined;
    readonly finished?: number | undefined;
  };
  /** Why it failed. */
  readonly error?: unknown;
  readonly finishReason?: 'stop' | 'length' | undefined;
  /** What its request asked for. */
  readonly asked?: {
    readonly maxTokens?: number | undefined;
    readonly temperature?: number | undefined;
    readonly topP?: number | undefined;
    readonly topK?: number | undefined;
    readonly seed?: number | undefined;
  };
  /** What the request said of where it came from. */
  readonly origin?: object | undefined;
}

/** Which names the reader may see. */
export interface View {
  readonly isAll: boolean;
  /** True of every name if `isAll`. */
  sees(name: string): boolean;
}
