import { randomUUID } from 'node:crypto';

/** What an id is of. OpenAI's clients tell items apart by these words. */
export type IdPrefix = 'resp' | 'msg' | 'fc' | 'fco' | 'rs' | 'call';

/** A new id, such as `msg_0b6f…`, with 122 random bits. @param uuid  Default: a new one. */
export function newId(prefix: IdPrefix, uuid: string = randomUUID()): string {
  return `${prefix}_${uuid.replaceAll('-', '')}`;
}
