import type { Command } from 'commander';
import type { Output } from './output.ts';

/** What every command is given besides its own options. */
export interface CommandContext {
  readonly json: boolean;
  /** For ONNX Runtime's pool: `--threads`, or every core that this process may use. */
  readonly threads: number;
  /** Aborts at Ctrl-C or SIGTERM. A second Ctrl-C ends the process at once. */
  readonly signal: AbortSignal;
  readonly output: Output;
}

/**
 * One command of `espalier`, as data. `--json`, `--threads` and `--help` are added by the frame; a new command is a
 * file in `commands/` and a line in `command-list.ts`.
 */
export interface CommandDefinition {
  /** One word, or two for a command of a group: `adapter convert`. */
  readonly name: string;
  readonly summary: string;
  /** Whole command lines, shown below the options by `--help`. */
  readonly examples: readonly string[];
  /** Declares options and arguments. Values may stay strings: `run` reads them through `readOptions`. */
  configure(command: Command): void;
  /**
   * @param options  what commander parsed, by camelCase name; positional arguments are under their own names
   * @returns the exit code, where it is not 0
   */
  run(options: Readonly<Record<string, unknown>>, context: CommandContext): Promise<number | void>;
}

export const exitCodes = { success: 0, failure: 1, usage: 2, interrupted: 130 } as const;
