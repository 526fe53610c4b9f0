import type { Timers } from '../core/index.ts';
import type { AuditReader } from './audit-reader.ts';
import type { Constraints } from '../constrain/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import type { LogitsFunction, PreparedAdapter } from '../engine/index.ts';
import type { RolloutControl } from './rollouts/rollouts.ts';
import type { ShadowRuns } from './rollouts/shadow-runs.ts';
import type { GenerationEngine } from './engine-port.ts';
import type { AdapterAdministration, AdapterControl, Router } from '../routing/index.ts';

/** The state of the server on which every route depends. */
export interface DoorContext {
  readonly apiKey: string | undefined;
  /** False after a file of the base or of a model was overwritten. */
  isReady(): boolean;
  isShuttingDown(): boolean;
  /** Whether it is going to end: it still answers, and should get no more requests. Absent: never. */
  isLeaving?(): boolean;
  /** Adapters that it must have before it is ready, and has not. Absent: none. */
  missingAdapters?(): readonly string[];
}

/** A base and its adapters: a decoder or an encoder. */
export interface BaseContext extends DoorContext {
  readonly adapters: AdapterAdministration;
  /** Names and versions, for their operator; undefined if the base is served without adapters. */
  readonly control?: AdapterControl | undefined;
  /** Resolves a request's `model`. */
  readonly router: Pick<Router, 'resolve' | 'assertKnown'>;
  readonly baseName: string;
  readonly baseDirectory: string;
  /** Unix time in seconds at which the base was opened. */
  readonly created: number;
  /** Most tokens of a sequence. For a decoder this is prompt and answer together. */
  readonly maxLength: number;
}

/** How versions are tried that have yet to show that they can answer: candidates, and the probes of breakers. */
export interface VersionTrials {
  /** One that gives no token for so long has failed. Default: a minute. */
  readonly silentMs?: number | undefined;
  /** Calls functions later. Default: the system's timers. */
  /** Where copies of requests run on candidates. */
  readonly shadow?: Pick<ShadowRuns, 'offer' | 'skip'> | undefined;
  readonly timers?: Timers | undefined;
}

/** Everything that the routes for text share. `http/server.ts` or a test composes it. */
export interface ServingContext extends BaseContext {
  readonly router: Pick<Router<PreparedAdapter>, 'resolve' | 'resolveMixture' | 'assertKnown'>;
  readonly engine: GenerationEngine;
  /** The base's. An adapter that brings its own has it in its leases. */
  readonly tokenizer: Tokenizer | undefined;
  /** Compiles the forms of answers. */
  readonly constraints: Constraints;
  /** Logits processors that requests may name. */
  readonly logitsProcessors?: ReadonlyMap<string, LogitsFunction> | undefined;
  /** Tokens that end an answer. */
  readonly eosTokenIds: readonly number[];
  /** The form in which the model writes calls of tools, by its name. undefined: as its chat template shows. */
  readonly toolParser?: string | undefined;
  /** undefined: names are only moved at once. */
  readonly rollouts?: RolloutControl | undefined;
  /** The audit record; undefined: there is no store, which would keep one. */
  readonly audit?: AuditReader | undefined;
  readonly trials?: VersionTrials | undefined;
}
