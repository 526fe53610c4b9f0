import { bert } from './bert.ts';
import { distilbert } from './distilbert.ts';
import type { EncoderFamily } from './encoder-config.ts';
import { roberta } from './roberta.ts';

/** All families of encoders. To add one, write a file in this folder and list it here. */
export const encoderFamilies: readonly EncoderFamily[] = [bert, roberta, distilbert];

/** Returns the encoder family that a config.json names, or undefined. @param json  the parsed file, not trusted */
export function encoderFamilyOf(json: unknown): EncoderFamily | undefined {
  const type: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, 'model_type') : undefined;
  return encoderFamilies.find(({ modelTypes }) => modelTypes.some((each) => each === type));
}
