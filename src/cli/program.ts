import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { decideThreads, didYouMean, EspalierError, usualSpinUs } from '../core/index.ts';
import { providerChoices } from '../execution/index.ts';
import { exitCodes, type CommandContext, type CommandDefinition } from './command.ts';
import { createOutput, type OutputStreams } from './output.ts';
import { positiveInteger, readOptions, wholeNumber } from './read-options.ts';
import { readWords } from './read-words.ts';
import { reportError } from './report-error.ts';
import { resolveHubOptions } from './resolve-hub.ts';

export interface ProgramOptions {
  readonly commands: readonly CommandDefinition[];
  readonly version: string;
  readonly streams: OutputStreams;
  readonly signal: AbortSignal;
}

/**
 * Runs one command line.
 * @param words  the command line after `node espalier`
 * @returns the exit code: 0, 1 after an error, 2 for a wrong command line, 130 after Ctrl-C
 */
export async function runProgram(words: readonly string[], options: ProgramOptions): Promise<number> {
  let exitCode: number = exitCodes.success;
  const program = createProgram(options, (code) => {
    exitCode = code;
  });
  const json = words.includes('--json') || words.includes('--json-events');
  try {
    if (words.length === 0) throw usageError('Name a command.', '');
    const help = helpOf(longestName(options.commands, words));
    const { options: declared } = commandOf(program, words);
    await program.parseAsync(readWords(words, { options: declared, help }), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.success;
    if (options.signal.aborted && isAbort(error, options.signal)) return exitCodes.interrupted;
    const command = longestName(options.commands, words);
    return reportError(error instanceof CommanderError ? asUsageError(error, command) : error, options.streams, {
      json,
    });
  }
}

function createProgram(options: ProgramOptions, onExitCode: (code: number) => void): Command {
  const { streams } = options;
  const program = new Command('espalier')
    .description('Fine-tunes LoRA adapters and serves them live, on ONNX Runtime.')
    .version(options.version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => void streams.stdout.write(text), writeErr: () => undefined });
  const groups = new Map<string, Command>();
  for (const definition of options.commands) {
    const words = definition.name.split(' ');
    const parent = words.length > 1 ? groupOf(program, words[0] ?? '', groups) : program;
    addCommand(parent, definition, options, onExitCode);
  }
  return program;
}

/** The command that the first words of the line name: the program itself, a group, or a command of either. */
function commandOf(program: Command, words: readonly string[]): Command {
  const [word = '', ...rest] = words;
  const found = program.commands.find((command) => command.name() === word);
  return found === undefined ? program : commandOf(found, rest);
}

/** The longest command name at the beginning of the line, such as `adapter convert`, for the hint at its help. */
function longestName(commands: readonly CommandDefinition[], words: readonly string[]): string {
  const line = `${words.join(' ')} `;
  const names = commands.flatMap(({ name }) => [name, name.split(' ')[0] ?? '']);
  return names.filter((name) => line.startsWith(`${name} `)).sort((a, b) => b.length - a.length)[0] ?? '';
}

/** Adds a group of commands, such as `adapter` with the command `adapter convert`. */
function groupOf(program: Command, name: string, groups: Map<string, Command>): Command {
  const known = groups.get(name);
  if (known !== undefined) return known;
  const group = program.command(name).description(groupSummaries[name] ?? '');
  // WHY an action: without one, commander treats the name of a group alone as an error, and prints no help.
  group
    .argument('[command]')
    .usage('<command> [options]')
    // WHY: of an unknown command with options, the command is what is wrong.
    .allowUnknownOption()
    .allowExcessArguments()
    .action((word: string | undefined) => {
      if (word === undefined) return group.outputHelp();
      if (word.startsWith('-')) throw usageError(`Unknown option '${word}'.`, name);
      const hint = didYouMean(
        word,
        group.commands.map((command) => command.name()),
      );
      throw usageError(`Unknown command '${name} ${word}'.${hint}`, name);
    });
  groups.set(name, group);
  return group;
}

const groupSummaries: Readonly<Record<string, string>> = {
  adapter: 'Converts, checks, compares and merges adapters, and operates those of a running server.',
  bench: 'Measures a server of any kind, and optimizers.',
  checkpoint: 'Shows and checks the checkpoints of trainings.',
  jobs: 'Lists, begins and steers the fine-tuning jobs of a running server.',
  rollout: 'Brings new versions of the adapters of a running server into service by steps.',
};

function addCommand(
  parent: Command,
  definition: CommandDefinition,
  { streams, signal }: ProgramOptions,
  onExitCode: (code: number) => void,
): void {
  const command = parent
    .command(definition.name.split(' ').at(-1) ?? definition.name)
    .description(definition.summary)
    .addHelpText('after', `\nExamples:\n${definition.examples.map((line) => `  $ ${line}`).join('\n')}`);
  definition.configure(command);
  command.option('--json', 'answer with one line of JSON on standard output');
  command.option(
    '--threads <n>',
    'threads that compute (default: as many as suit the cores and limits of this process)',
  );
  command.option(
    '--spin-us <n>',
    `microseconds that threads wait in a busy loop within a run before they sleep (default: ${usualSpinUs})`,
  );
  command.option(
    '--provider <name>',
    `where models run: ${providerChoices.join(', ')}; auto takes a GPU where it measured faster (default: cpu)`,
  );
  command.option('--device-memory <mb>', 'megabytes that may be held on a GPU (default: as many as it gives)');
  command.action(async () => {
    const { context, rest } = readCommon(command.opts(), streams, signal);
    const positional = Object.fromEntries(
      command.registeredArguments.map((argument, i) => [argument.name(), command.processedArgs[i] as unknown]),
    );
    const given = { ...rest, ...positional };
    const resolved = definition.keepsHubNames === true ? given : await resolveHubOptions(given, context);
    signal.throwIfAborted();
    onExitCode((await definition.run(resolved, context)) ?? exitCodes.success);
  });
}

const commonOptions = z.looseObject({
  json: z.boolean().default(false),
  threads: positiveInteger.optional(),
  spinUs: wholeNumber.optional(),
  provider: z.enum(providerChoices, { error: providerChoices.join(', ') }).default('cpu'),
  deviceMemory: positiveInteger.optional(),
});

function readCommon(
  options: unknown,
  streams: OutputStreams,
  signal: AbortSignal,
): { context: CommandContext; rest: Record<string, unknown> } {
  const common = readOptions(commonOptions, options);
  const { json, threads: asked, spinUs = usualSpinUs, provider, deviceMemory: megabytes, ...rest } = common;
  const threads = decideThreads(asked).compute;
  const deviceMemory = megabytes && megabytes * 2 ** 20;
  const output = createOutput(streams, { json });
  return { context: { json, threads, spinUs, provider, deviceMemory, signal, output }, rest };
}

/** Commander's text is "error: unknown option '--rnak'", followed on its own line by "(Did you mean --rank?)". */
function asUsageError(error: CommanderError, command: string): EspalierError {
  const [problem = '', hint] = error.message
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .split('\n');
  const sentence = `${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`;
  return usageError(hint === undefined ? sentence : `${sentence} ${hint.replaceAll(/[()]/g, '')}`, command);
}

function usageError(problem: string, command: string): EspalierError {
  return new EspalierError('CLI_USAGE', { problem, help: helpOf(command) });
}

function helpOf(command: string): string {
  return ['espalier', command, '--help'].filter(Boolean).join(' ');
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}
