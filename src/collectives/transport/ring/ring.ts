import { EspalierError } from '../../../core/index.ts';
import { bytesOf, type Floats, type TransportOp } from '../../floats.ts';
import { describeOperation, isSameOperation, type Frame, type Signature } from './frame.ts';
import type { Arrival, RingPlan } from './plan.ts';
import type { RingKernels } from './ring-kernels.ts';

/** One operation of the ring. */
export interface RingOperation {
  readonly signature: Signature;
  readonly plan: RingPlan;
  /** Of the whole operation; changed in place. */
  readonly buffer: Uint8Array;
  /** How numbers are joined, where the plan joins them. */
  readonly reduce?: { readonly values: Floats; readonly op: TransportOp };
}

/** Takes the frames of an operation. Both functions return what is wrong, if something is. */
export interface FrameTaker {
  /** Judges a frame by its header, before its payload is taken. */
  readonly begins: (frame: Frame) => Error | undefined;
  /** Gets a payload that is whole, and the checksum that it has. The bytes are aligned to 8, and valid during the call. */
  readonly ends: (payload: Uint8Array, checksum: number) => void;
}

/** Frames from the rank before. Between two operations, what comes is left where it is. */
export interface RingReader {
  begin(taker: FrameTaker): void;
  end(): void;
}

/** Frames to the rank behind. */
export interface RingWriter {
  begin(signature: Signature): void;
  /** Whether it sends checksums. */
  readonly isChecked: boolean;
  /**
   * @param payload  must not change until the writer is idle
   * @param checksum  of it, where it is known already
   */
  send(payload: Uint8Array, checksum?: number): void;
  /** Whether all that was sent has left the process. */
  readonly isIdle: boolean;
}

export interface RingEnds {
  readonly rank: number;
  /** The rank that sends to this one. */
  readonly before: number;
  readonly reader: RingReader;
  readonly writer: RingWriter;
  readonly kernels: Pick<RingKernels, 'reduce'>;
}

/** Runs one operation: sends what the plan begins with, and takes, joins and passes on what comes. */
export class RingRun {
  readonly #ends: RingEnds;
  readonly #operation: RingOperation;
  readonly #done: () => void;
  #arrived = 0;

  /** @param done  called once, when all has come and all has gone */
  constructor(ends: RingEnds, operation: RingOperation, done: () => void) {
    this.#ends = ends;
    this.#operation = operation;
    this.#done = done;
  }

  start(): void {
    const { reader, writer } = this.#ends;
    const { signature, plan, buffer } = this.#operation;
    writer.begin(signature);
    for (const { start, length } of plan.sends) writer.send(buffer.subarray(start, start + length));
    if (plan.arrivals.length > 0) {
      reader.begin({
        begins: (frame) => this.#judge(frame),
        ends: (payload, checksum) => this.#take(payload, checksum),
      });
    }
    this.flushed();
  }

  /** To be called when the writer has nothing left. */
  flushed(): void {
    if (this.#arrived === this.#operation.plan.arrivals.length && this.#ends.writer.isIdle) this.#done();
  }

  #judge(frame: Frame): Error | undefined {
    const { signature, plan } = this.#operation;
    const { rank, before: peer } = this.#ends;
    if (!isSameOperation(frame, signature)) {
      const [own, other] = [describeOperation(signature), describeOperation(frame)];
      return new EspalierError('GROUP_MISMATCH', { rank, own, peer, other });
    }
    const expected = plan.arrivals[this.#arrived]?.length;
    if (frame.index === this.#arrived && frame.length === expected) return undefined;
    const problem = `frame ${frame.index} of ${frame.length} bytes in the place of frame ${this.#arrived} of ${expected ?? 0}`;
    return new EspalierError('GROUP_FRAME_INVALID', { peer, problem });
  }

  #take(payload: Uint8Array, checksum: number): void {
    const { plan, buffer } = this.#operation;
    const arrival = plan.arrivals[this.#arrived];
    if (arrival === undefined) return;
    const applied = this.#apply(arrival, payload, checksum);
    this.#arrived++;
    const isLast = this.#arrived === plan.arrivals.length;
    if (isLast) this.#ends.reader.end();
    if (arrival.forward) {
      this.#ends.writer.send(buffer.subarray(arrival.start, arrival.start + arrival.length), applied);
    }
    if (isLast) this.flushed();
  }

  /** @returns the checksum of what is there now, where it is needed and known */
  #apply({ start, how, forward }: Arrival, payload: Uint8Array, checksum: number): number | undefined {
    const { buffer, reduce } = this.#operation;
    if (how === 'copy' || reduce === undefined) {
      buffer.set(payload, start);
      return checksum;
    }
    const { values, op } = reduce;
    const { kernels, writer } = this.#ends;
    const isChecked = forward && writer.isChecked;
    return kernels.reduce(values, payload, { op, start: start / values.BYTES_PER_ELEMENT, isChecked });
  }
}

/** The operation of an array of numbers. */
export function operationOn(
  values: Floats,
  operation: Pick<RingOperation, 'plan' | 'signature'>,
  op: TransportOp,
): RingOperation {
  return { ...operation, buffer: bytesOf(values), reduce: { values, op } };
}
