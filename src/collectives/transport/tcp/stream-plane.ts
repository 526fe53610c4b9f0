import type { RingEnds, RingOperation } from '../ring/ring.ts';
import { RingRun } from '../ring/ring.ts';
import type { DataPlane, PlaneParts } from './data-plane.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';

/** Numbers by Node's streams, in turns of the event loop. They run everywhere, and over TLS. */
export class StreamPlane implements DataPlane {
  readonly name = 'node';
  readonly #parts: PlaneParts;
  readonly #ends: RingEnds;
  #run: RingRun | undefined;

  constructor(parts: PlaneParts) {
    const { rank, before, behind, kernels, refuse, suspect } = parts;
    this.#parts = parts;
    const reader = new FrameReader(kernels, (error) => refuse(before.rank, error));
    const writer = new FrameWriter(behind.link.socket, kernels, () => this.#run?.flushed());
    this.#ends = { rank, before: before.rank, reader, writer, kernels };
    before.link.use(reader, (error) => suspect(before.rank, error?.message ?? 'closed'));
  }

  async run(operation: RingOperation): Promise<void> {
    const { failed, before } = this.#parts;
    let give: () => void = () => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        give = () => reject(failed.reason as Error);
        failed.addEventListener('abort', give, { once: true });
        this.#run = new RingRun(this.#ends, operation, resolve);
        this.#run.start();
        before.link.socket.resume();
      });
    } finally {
      failed.removeEventListener('abort', give);
      this.#run = undefined;
    }
  }
}
