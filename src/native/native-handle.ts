import { EspalierError } from '../core/index.ts';

export type HandleKind =
  | 'environment'
  | 'session'
  | 'binding'
  | 'tensor'
  | 'memory'
  | 'deviceMemory'
  | 'runOptions'
  | 'loraAdapter';

const live = new Map<HandleKind, number>();

/** Number of native handles that are alive, by kind, without kinds that have none. At the end of a test it is `{}`. */
export function liveHandles(): Record<string, number> {
  return Object.fromEntries([...live].filter(([, count]) => count > 0));
}

/**
 * The lifetime of one native object. The object is released after it was disposed and its last hold has ended. A child holds its
 * parents, a binding holds the values that are bound to it, and a run holds the objects that it uses. So the order of `dispose()`
 * calls does not matter, and an object that is disposed during a run is released when the run ends.
 */
export class NativeHandle {
  readonly kind: HandleKind;
  readonly #release: () => unknown;
  readonly #parents: readonly NativeHandle[];
  #holds = 0;
  #disposed = false;
  #released = false;

  /** @param release  may return a promise; the parents then stay alive until it settles */
  constructor(kind: HandleKind, release: () => unknown, parents: readonly NativeHandle[] = []) {
    for (const parent of parents) parent.assertOpen();
    for (const parent of parents) parent.hold();
    this.kind = kind;
    this.#release = release;
    this.#parents = parents;
    live.set(kind, (live.get(kind) ?? 0) + 1);
  }

  /** @throws EspalierError DISPOSED after `dispose()` */
  assertOpen(): void {
    if (this.#disposed) throw new EspalierError('DISPOSED', { name: `A ${this.kind}` });
  }

  /** Keeps the native object alive until the matching `letGo`, even after `dispose()`. */
  hold(): void {
    this.assertOpen();
    this.#holds++;
  }

  letGo(): void {
    this.#holds--;
    this.#releaseIfUnused();
  }

  /** Releases the object: at once if it has no hold, otherwise when the last hold ends. Idempotent. */
  dispose(): void {
    this.#disposed = true;
    this.#releaseIfUnused();
  }

  #releaseIfUnused(): void {
    if (!this.#disposed || this.#released || this.#holds > 0) return;
    this.#released = true;
    live.set(this.kind, (live.get(this.kind) ?? 0) - 1);
    const released = this.#release();
    if (released instanceof Promise) void released.then(() => this.#letParentsGo());
    else this.#letParentsGo();
  }

  #letParentsGo(): void {
    for (const parent of this.#parents) parent.letGo();
  }
}

/** The property that holds the handle of an object. It is not exported from `index.ts`, and thus private to this folder. */
export const handle: unique symbol = Symbol('handle');
/** The property that holds the address of an object. */
export const pointer: unique symbol = Symbol('pointer');
