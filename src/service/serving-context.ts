import type { Tokenizer } from '../tokenizer/index.ts';
import type { PreparedAdapter } from '../engine/index.ts';
import type { GenerationEngine } from './engine-port.ts';
import type { AdapterAdministration, Router } from '../control/index.ts';

/** What every route depends on, whatever is served. */
export interface DoorContext {
  readonly apiKey: string | undefined;
  /** False before everything is loaded, and again while the server shuts down. */
  isReady(): boolean;
  isShuttingDown(): boolean;
}

/** A base and its adapters, whatever they do. */
export interface BaseContext extends DoorContext {
  readonly adapters: AdapterAdministration;
  /** Who answers a request's `model`. */
  readonly router: Pick<Router, 'resolve' | 'assertKnown'>;
  readonly baseName: string;
  readonly baseDirectory: string;
  /** Unix time in seconds at which the base was opened. */
  readonly created: number;
  /** Tokens that a sequence may have: of a text that is continued, a prompt and its answer together. */
  readonly maxLength: number;
}

/** Everything that the routes for text share; composed in `server.ts`, or by a test. */
export interface ServingContext extends BaseContext {
  readonly router: Pick<Router<PreparedAdapter>, 'resolve' | 'assertKnown'>;
  readonly engine: GenerationEngine;
  readonly tokenizer: Tokenizer | undefined;
  /** Tokens that end an answer. */
  readonly eosTokenIds: readonly number[];
}
