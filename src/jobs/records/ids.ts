import { randomBytes, randomInt } from 'node:crypto';

/** What an id is of, with OpenAI's beginnings. */
export type IdPrefix = 'ftjob-' | 'file-' | 'ftevent-' | 'ftckpt_' | 'evt_';

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A new id, such as `ftjob-3f9a…`, with 96 random bits. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}${randomBytes(12).toString('hex')}`;
}

/** Eight random letters and digits, by which the adapters of two jobs differ. */
export function newModelId(): string {
  return Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join('');
}

/** A seed for a job that names none. */
export function newSeed(): number {
  return randomInt(2 ** 31);
}

/** The base's part of a name is cut, so that every name fits into 128 characters, those of checkpoints included. */
const longestBase = 30;

/**
 * The name of what a job makes, as OpenAI has it. What a name cannot have becomes "-".
 * @param suffix  at most 64 characters
 */
export function fineTunedName(base: string, suffix: string | null, id: string): string {
  const plain = (text: string): string => text.trim().replaceAll(/[^\w.-]+/g, '-');
  return `ft:${plain(base).slice(0, longestBase)}:${plain(suffix ?? '')}:${id}`;
}
