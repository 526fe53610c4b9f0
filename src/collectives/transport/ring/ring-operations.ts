import { typeOf, type Floats, type TransportOp } from '../../floats.ts';
import type { Signature } from './frame.ts';
import { planAllReduce, planBroadcast, planGather, type RingPlace } from './plan.ts';
import { operationOn, type RingOperation } from './ring.ts';

/**
 * The operations of a group as operations of a ring. What is summed in which order is decided here, whatever the transport, so that all
 * transports end in the same bytes.
 */
export class RingOperations {
  readonly #place: RingPlace;
  readonly #run: (operation: RingOperation) => Promise<void>;
  #sequence = 0;

  /** @param run  carries out one operation; they are called one at a time */
  constructor({ rank, worldSize }: RingPlace, run: (operation: RingOperation) => Promise<void>) {
    this.#place = { rank, worldSize };
    this.#run = run;
  }

  async allReduce(values: Floats, op: TransportOp): Promise<void> {
    const total = values.byteLength;
    const signature = this.#signature({ operation: `allReduce ${op}`, type: typeOf(values), total });
    await this.#run(operationOn(values, { plan: planAllReduce(values, this.#place), signature }, op));
  }

  async broadcast(buffer: Uint8Array, root: number): Promise<void> {
    const plan = planBroadcast(buffer.byteLength, { ...this.#place, root });
    const signature = this.#signature({ operation: 'broadcast', type: 'bytes', total: buffer.byteLength });
    await this.#run({ plan, buffer, signature });
  }

  async gather(bytes: Uint8Array, root: number): Promise<readonly Uint8Array[] | undefined> {
    const { rank, worldSize } = this.#place;
    const counts = new Float64Array(worldSize);
    counts[rank] = bytes.byteLength;
    await this.allReduce(counts, 'sum');
    const lengths = [...counts];
    const starts = lengths.map((_, each) => lengths.slice(0, each).reduce((sum, length) => sum + length, 0));
    const buffer = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    buffer.set(bytes, starts[rank]);
    const plan = planGather(lengths, { ...this.#place, root });
    const signature = this.#signature({ operation: 'gather', type: 'bytes', total: buffer.byteLength });
    await this.#run({ plan, buffer, signature });
    if (rank !== root) return undefined;
    return lengths.map((length, each) => buffer.subarray(starts[each] ?? 0, (starts[each] ?? 0) + length));
  }

  async barrier(): Promise<void> {
    // WHY a number for each rank: of a smaller array some chunks were empty, and their rounds no wait.
    const values = new Float32Array(this.#place.worldSize);
    const signature = this.#signature({ operation: 'barrier', type: 'float32', total: values.byteLength });
    await this.#run(operationOn(values, { plan: planAllReduce(values, this.#place), signature }, 'sum'));
  }

  #signature(rest: Omit<Signature, 'sequence'>): Signature {
    return { sequence: this.#sequence++, ...rest };
  }
}
