import type { Command } from 'commander';

/** Option of commands that use adapters: disables the comparison of an adapter's base with the base in use. */
export const anyBaseOption = ['--any-base', 'take adapters that were trained on another base'] as const;

/** Option of commands that render messages. */
export const chatTemplateOption = [
  '--chat-template <file>',
  "a chat template in the place of the base's, or the name of one of the base's templates",
] as const;

/** Option of commands that render messages for adapters. */
export const templateOption = [
  '--template <whose>',
  'whose chat template and tokenizer are used for an adapter: adapter (default, where its folder has them) or base',
] as const;

/** Declares `--base` and the repeatable `--adapter`, for commands that run a model; `adapterSpecs` reads the latter. */
export function declareBaseOptions(command: Command): Command {
  return command
    .requiredOption('--base <dir>', 'the model: a Hugging Face folder, an ONNX file or folder, or hf:org/name')
    .option(
      '--adapter <dir[=scale]>',
      'a PEFT folder or hf:org/name, and how strongly; may be repeated, and then adds up',
      collect,
    )
    .option(...anyBaseOption);
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
