import { askedModelOf } from '../answering/index.ts';
import { asOptionError } from './option-error.ts';
import type { SamplingOptions } from './generate-options.ts';

/** An adapter in the form of llama.cpp's `lora`, with a name in the place of a number. */
export interface NamedLora {
  readonly name: string;
  /** Default: 1. */
  readonly scale?: number | undefined;
}

export interface NamedModel {
  /** The base, an adapter, `base:adapter`, or either with `@` and the beginning of a version's digest. */
  readonly model: string;
  /** Adapters whose updates are added up, beside a `model` that is the base or one of them. */
  readonly lora?: readonly NamedLora[] | undefined;
}

/**
 * The option `adapter` of a call to the model of this name, by the rules of the server. undefined: the base answers.
 * @throws EspalierError OPTION_INVALID where `model` and `lora` name different adapters
 */
export function adapterByName({ model, lora }: NamedModel, baseName: string): SamplingOptions['adapter'] {
  try {
    const asked = askedModelOf({ model, lora }, baseName);
    if (asked.mixture !== undefined) return asked.mixture.map(({ model: name, scale }) => ({ name, scale }));
    return asked.model === baseName ? undefined : asked.model;
  } catch (error) {
    throw asOptionError(error);
  }
}
