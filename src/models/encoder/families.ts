import { bert } from './bert.ts';
import { distilbert } from './distilbert.ts';
import type { EncoderFamily } from './encoder-config.ts';
import { roberta } from './roberta.ts';

/** Every family of encoders. To add one: a file beside this, and its name here. */
export const encoderFamilies: readonly EncoderFamily[] = [bert, roberta, distilbert];

/** The family of encoders that a config.json names, if it names one. @param json  the parsed file, not trusted */
export function encoderFamilyOf(json: unknown): EncoderFamily | undefined {
  const type: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, 'model_type') : undefined;
  return encoderFamilies.find(({ modelTypes }) => modelTypes.some((each) => each === type));
}
