import { albert } from './albert.ts';
import { bert } from './bert.ts';
import { debertaV2 } from './deberta.ts';
import { distilbert } from './distilbert.ts';
import { electra } from './electra.ts';
import type { EncoderFamily } from './encoder-config.ts';
import { modernBert } from './modernbert.ts';
import { mpnet } from './mpnet.ts';
import { roberta } from './roberta.ts';
import { gte, nomicBert } from './rotary-bert.ts';

/** All families of encoders. To add one, write a file in this folder and list it here. */
export const encoderFamilies: readonly EncoderFamily[] = [
  bert,
  roberta,
  distilbert,
  electra,
  mpnet,
  albert,
  modernBert,
  nomicBert,
  gte,
  debertaV2,
];

/** Returns the encoder family that a config.json names, or undefined. @param json  the parsed file, not trusted */
export function encoderFamilyOf(json: unknown): EncoderFamily | undefined {
  const type: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, 'model_type') : undefined;
  return encoderFamilies.find(({ modelTypes }) => modelTypes.some((each) => each === type));
}
