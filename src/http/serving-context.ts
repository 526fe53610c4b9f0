import type { Tokenizer } from '../tokenizer/index.ts';
import type { GenerationEngine } from './engine-port.ts';

/** An adapter that is served, as the routes tell of it. */
export interface ServedAdapter {
  readonly name: string;
  /** Content id (SHA-256, hexadecimal). */
  readonly version: string;
  readonly path: string;
  /** Unix time in seconds of its loading. */
  readonly created: number;
}

/** Loads, replaces and withdraws adapters while requests run. */
export interface AdapterAdministration {
  list(): readonly ServedAdapter[];
  /** Reads, checks, then activates: what fails leaves the old version serving. */
  load(name: string, path: string, options: { readonly replace: boolean }): Promise<ServedAdapter>;
  unload(name: string): Promise<void>;
}

/** Everything that the routes share; composed in `server.ts`, or by a test. */
export interface ServingContext {
  readonly engine: GenerationEngine;
  readonly adapters: AdapterAdministration;
  readonly tokenizer: Tokenizer | undefined;
  readonly baseName: string;
  readonly baseDirectory: string;
  /** Unix time in seconds at which the base was opened. */
  readonly created: number;
  /** Tokens of a prompt and its answer together. */
  readonly maxLength: number;
  /** Tokens that end an answer. */
  readonly eosTokenIds: readonly number[];
  readonly apiKey: string | undefined;
  /** False before the base is ready, and again while the server shuts down. */
  isReady(): boolean;
  isShuttingDown(): boolean;
}
