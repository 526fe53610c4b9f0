import { z } from 'zod';
import { EspalierError } from '../../../core/index.ts';
import type { Peer } from './peer.ts';

const rank = z.number().int().nonnegative();
const problem = z.string().max(4000);
const address = z.strictObject({ host: z.string().max(255), port: z.number().int().min(1).max(65535) });
export type Address = z.output<typeof address>;

const messageSchema = z.discriminatedUnion('kind', [
  /** Where this rank listens; to rank 0. */
  z.strictObject({ kind: z.literal('listening'), ...address.shape }),
  /** Where each rank listens. */
  z.strictObject({ kind: z.literal('table'), addresses: z.array(address) }),
  /** This rank is connected with both neighbours; to rank 0. */
  z.strictObject({ kind: z.literal('ready') }),
  /** All are. */
  z.strictObject({ kind: z.literal('go') }),
  /** Operations that each rank has begun; to rank 0, those of the sender alone. */
  z.strictObject({ kind: z.literal('beat'), at: z.array(rank) }),
  /** The link with a neighbour broke; to rank 0, which knows more. */
  z.strictObject({ kind: z.literal('suspect'), rank, problem }),
  z.strictObject({ kind: z.literal('lost'), rank, problem }),
  z.strictObject({ kind: z.literal('abort'), rank, problem }),
  /** The sender leaves in good order. */
  z.strictObject({ kind: z.literal('leave') }),
]);
export type ControlMessage = z.output<typeof messageSchema>;

export interface ControlEvents {
  readonly onMessage: (from: number, message: ControlMessage) => void;
  /** The link with a rank ended that had not left. */
  readonly onEnd: (from: number, problem: string) => void;
}

/** The links of rank 0 with all others, or of another with rank 0. */
export class Control {
  readonly #peers = new Map<number, Peer>();
  readonly #left = new Set<number>();
  readonly #events: ControlEvents;

  constructor(events: ControlEvents) {
    this.#events = events;
  }

  /** Ranks with a link. */
  get ranks(): readonly number[] {
    return [...this.#peers.keys()];
  }

  add(from: number, peer: Peer): void {
    this.#peers.set(from, peer);
    peer.listen(
      (message) => this.#heard(from, message),
      ({ message }) => {
        if (!this.#left.has(from)) this.#events.onEnd(from, message);
      },
    );
  }

  #heard(from: number, message: unknown): void {
    const parsed = messageSchema.safeParse(message);
    if (!parsed.success) return this.#events.onEnd(from, 'it sent a message of no known kind');
    if (parsed.data.kind === 'leave') this.#left.add(from);
    this.#events.onMessage(from, parsed.data);
  }

  hasLeft(from: number): boolean {
    return this.#left.has(from);
  }

  sendTo(to: number, message: ControlMessage): void {
    this.#peers.get(to)?.send(message);
  }

  sendAll(message: ControlMessage): void {
    for (const peer of this.#peers.values()) peer.send(message);
  }

  /** Sends a last message to all, and closes the links. */
  async end(message: ControlMessage): Promise<void> {
    for (const from of this.#peers.keys()) this.#left.add(from);
    await Promise.all([...this.#peers.values()].map((peer) => peer.sendLast(message)));
  }
}

/** The error of a `lost` or an `abort`. */
export function errorOf({
  kind,
  rank: named,
  problem: why,
}: {
  kind: 'lost' | 'abort';
  rank: number;
  problem: string;
}) {
  return kind === 'lost'
    ? new EspalierError('GROUP_RANK_LOST', { lost: named, problem: why })
    : new EspalierError('GROUP_ABORTED', { aborted: named, problem: why });
}
