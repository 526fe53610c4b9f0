import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Messages } from './messages.ts';

/** Grows with every change of what ranks say to each other. */
const protocol = 'espalier-group/1';

/** control: for the life of the group, with rank 0. ring: the numbers of the rank before. */
export type Purpose = 'control' | 'ring';

export interface Introduction {
  readonly rank: number;
  readonly worldSize: number;
  readonly purpose: Purpose;
}

const nonce = z.string().regex(/^[0-9a-f]{64}$/);
const hello = z.strictObject({ protocol: z.string().max(64), nonce });
const introduction = z.strictObject({
  rank: z.number().int().nonnegative(),
  worldSize: z.number().int().positive(),
  purpose: z.enum(['control', 'ring']),
  nonce,
  proof: nonce,
});
const answer = z.union([z.strictObject({ proof: nonce }), z.strictObject({ refused: z.string().max(500) })]);

/** A link that is refused, with the reason for both sides. */
export class Refusal extends Error {}

/**
 * The side that was connected to: both show by HMAC-SHA256 over two fresh numbers that they have the key. Neither sends the key.
 *
 * @param judge  says what is wrong with an introduction, if something is; asked only when the key was right
 * @throws Refusal, which the other side must be told; Error when the link ends
 */
export async function receive(
  messages: Messages,
  key: string,
  judge: (introduction: Introduction) => string | undefined,
): Promise<Introduction> {
  const own = randomBytes(32).toString('hex');
  messages.send({ protocol, nonce: own });
  const parsed = introduction.safeParse(await messages.next());
  if (!parsed.success) throw new Refusal(`it does not speak ${protocol}`);
  const { nonce: theirs, proof, ...who } = parsed.data;
  if (!isProof(proof, proofOf(key, 'joins', [own, theirs], who))) {
    throw new Refusal('its key is another (ESPALIER_GROUP_KEY, or that of espalier launch)');
  }
  const problem = judge(who);
  if (problem !== undefined) throw new Refusal(problem);
  messages.send({ proof: proofOf(key, 'takes', [own, theirs], who) });
  return who;
}

/** The side that connects. @throws Refusal; Error when the link ends */
export async function introduce(messages: Messages, key: string, who: Introduction): Promise<void> {
  const begin = hello.safeParse(await messages.next());
  if (!begin.success || begin.data.protocol !== protocol) {
    throw new Refusal(`it does not speak ${protocol}, but ${begin.data?.protocol ?? 'something else'}`);
  }
  const own = randomBytes(32).toString('hex');
  const nonces = [begin.data.nonce, own];
  messages.send({ ...who, nonce: own, proof: proofOf(key, 'joins', nonces, who) });
  const parsed = answer.safeParse(await messages.next());
  if (!parsed.success) throw new Refusal(`it does not speak ${protocol}`);
  if ('refused' in parsed.data) throw new Refusal(parsed.data.refused);
  if (!isProof(parsed.data.proof, proofOf(key, 'takes', nonces, who))) throw new Refusal('it does not have the key');
}

/** Tells the other side that it was refused, and closes. */
export async function refuse(messages: Messages, { message }: Refusal): Promise<void> {
  await messages.sendLast({ refused: message });
}

function proofOf(key: string, side: 'joins' | 'takes', nonces: readonly string[], who: Introduction): string {
  const said = JSON.stringify([protocol, side, ...nonces, who.rank, who.worldSize, who.purpose]);
  return createHmac('sha256', key).update(said).digest('hex');
}

function isProof(given: string, expected: string): boolean {
  return timingSafeEqual(Buffer.from(given, 'hex'), Buffer.from(expected, 'hex'));
}
