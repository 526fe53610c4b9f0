import { createRandom, systemClock } from '../../core/index.ts';
import { ProcessGroup } from '../process-group.ts';
import { watchLimits, type WatchLimits } from '../transport/members/watch.ts';
import type { MessagePassing, Pending } from '../transport/mpi/message-passing.ts';
import { MpiTransport } from '../transport/mpi/mpi-transport.ts';

/** Of a message that is under way, and of one that is done. */
const [under, over] = [1n, 0n];

/** What has been sent and not taken, and what is waited for and has not come, by sender, receiver and tag. */
interface Channel {
  readonly sent: Pending[];
  readonly wanted: Pending[];
}

/**
 * Messages between ranks of this process as MPI brings them: in the order of a channel, and only while a rank asks about its own. Bytes are
 * copied as late as MPI may, so that whoever changes them too early is seen.
 */
export class FakeMpi {
  readonly #channels = new Map<string, Channel>();
  readonly #silent = new Set<number>();
  readonly #random = createRandom(1, 'messages that take their time');
  /** Ranks that have left in good order. */
  readonly left = new Set<number>();

  /** From now on a rank neither sends nor takes anything, as a process that stands still. */
  silence(rank: number): void {
    this.#silent.add(rank);
  }

  messagesOf(rank: number): MessagePassing {
    return {
      send: (bytes, to, tag) => {
        const message = { bytes, slot: BigUint64Array.of(under) };
        this.#channel(rank, to, tag).sent.push(message);
        return message;
      },
      receive: (bytes, from, tag) => {
        const message = { bytes, slot: BigUint64Array.of(under) };
        this.#channel(from, rank, tag).wanted.push(message);
        return message;
      },
      isDone: (message) => {
        if (!this.#silent.has(rank)) this.#moveOn(rank);
        return message.slot[0] !== under;
      },
      cancel: (message) => {
        for (const { wanted } of this.#channels.values()) {
          const place = wanted.indexOf(message);
          if (place >= 0) wanted.splice(place, 1);
        }
        message.slot[0] = over;
      },
      close: () => {
        this.left.add(rank);
        return Promise.resolve();
      },
    };
  }

  /** Messages that were sent and never taken. */
  get lost(): number {
    return [...this.#channels.values()].reduce((sum, { sent }) => sum + sent.length, 0);
  }

  #channel(from: number, to: number, tag: number): Channel {
    const name = `${from}>${to}:${tag}`;
    const channel = this.#channels.get(name) ?? { sent: [], wanted: [] };
    this.#channels.set(name, channel);
    return channel;
  }

  /** One message of some channels from this rank. */
  #moveOn(rank: number): void {
    for (const [name, { sent, wanted }] of this.#channels) {
      if (!name.startsWith(`${rank}>`) || this.#random.uniform() < 0.7) continue;
      const [from, to] = [sent[0], wanted[0]];
      if (from === undefined || to === undefined) continue;
      if (from.bytes.length > to.bytes.length) throw new Error('MPI_ERR_TRUNCATE: message truncated');
      to.bytes.set(from.bytes);
      [from.slot[0], to.slot[0]] = [over, over];
      sent.shift();
      wanted.shift();
    }
  }
}

/** The ranks of a group over a fake of MPI, all in this process. */
export function fakeMpiGroup(
  worldSize: number,
  { fake = new FakeMpi(), limits = {} }: { readonly fake?: FakeMpi; readonly limits?: Partial<WatchLimits> } = {},
): ProcessGroup[] {
  return Array.from({ length: worldSize }, (_, rank) => {
    const common = { clock: systemClock, timeoutMs: 60_000, onWarning: () => undefined };
    const messages = fake.messagesOf(rank);
    return new ProcessGroup(
      new MpiTransport({ rank, worldSize, messages, limits: { ...watchLimits, ...limits }, ...common }),
    );
  });
}
