import { nearest } from './nearest.ts';

/**
 * A text that names options of Espalier. A program in code reads `learningRate`; a person at the command line reads
 * `--learning-rate`. `String(text)` is the first form.
 */
export class OptionText {
  readonly #parts: readonly (string | OptionName)[];

  /** Use `option` and `optionText`. */
  constructor(parts: readonly (string | OptionName)[]) {
    this.#parts = parts;
  }

  toString(): string {
    return this.#parts.map((part) => (typeof part === 'string' ? part : part.name)).join('');
  }

  /** The same text with each option as its flag. */
  toFlags(): string {
    return this.#parts.map((part) => (typeof part === 'string' ? part : flagOf(part.name))).join('');
  }

  /** @internal */
  get parts(): readonly (string | OptionName)[] {
    return this.#parts;
  }
}

interface OptionName {
  readonly name: string;
}

/** The name of one option. @param name in camelCase, as in code */
export function option(name: string): OptionText {
  return new OptionText([{ name }]);
}

/** Concatenates options and other words: `optionText('no ', option('momentum'))`. */
export function optionText(...texts: readonly (string | OptionText)[]): OptionText {
  return new OptionText(texts.flatMap((text) => (typeof text === 'string' ? [text] : text.parts)));
}

/** Names of options, joined with commas. */
export function optionList(names: readonly string[]): OptionText {
  return optionText(...names.flatMap((name, i) => (i === 0 ? [option(name)] : [', ', option(name)])));
}

/** The option that a key of a file names: `learningRate` for `learning-rate`, `learning_rate` and `learningRate`. */
export function optionOfKey(key: string): string {
  return key.replaceAll(/[-_](\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** " Did you mean learning-rate?" for a key that names no option, to append to a sentence; empty when none is near. */
export function hintAtKey(key: string, known: Iterable<string>): string {
  const near = nearest(optionOfKey(key), known);
  return near === undefined ? '' : ` Did you mean ${flagOf(near).slice(2)}?`;
}

/** The flag of an option: `--learning-rate` for `learningRate`. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
