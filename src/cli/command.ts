import type { Command } from 'commander';
import type { ProviderChoice } from '../execution/index.ts';
import type { Output } from './output.ts';

/** The context that every command gets in addition to its own options. */
export interface CommandContext {
  readonly json: boolean;
  /** The number of threads of ONNX Runtime: `--threads`, or as many as suit the machine. */
  readonly threads: number;
  /** `--spin-us`: microseconds that they wait in a busy loop within a run before they sleep. */
  readonly spinUs: number;
  /** Where models run. */
  readonly provider: ProviderChoice;
  /** Bytes that may be held on the device of a provider; undefined for as many as it gives. */
  readonly deviceMemory: number | undefined;
  /** Aborts at Ctrl-C or SIGTERM. A second Ctrl-C ends the process at once. */
  readonly signal: AbortSignal;
  readonly output: Output;
}

/**
 * One command of `espalier` as data. `program.ts` adds `--json`, `--threads`, `--spin-us`, `--provider`, `--device-memory` and `--help`.
 * A new command needs a file in `commands/` and a line in `command-list.ts`.
 */
export interface CommandDefinition {
  /** One word, or two for a command of a group: `adapter convert`. */
  readonly name: string;
  readonly summary: string;
  /** Example command lines, which `--help` shows below the options. */
  readonly examples: readonly string[];
  /** Whether `run` gets names of models on the hub as they were written, and not as folders. */
  readonly keepsHubNames?: boolean;
  /** Declares options and arguments. Values may stay strings: `run` reads them through `readOptions`. */
  configure(command: Command): void;
  /**
   * @param options  the options from commander by camelCase name, and the positional arguments by their names
   * @returns the exit code, if it is not 0
   */
  run(options: Readonly<Record<string, unknown>>, context: CommandContext): Promise<number | void>;
}

export const exitCodes = { success: 0, failure: 1, usage: 2, interrupted: 130 } as const;
