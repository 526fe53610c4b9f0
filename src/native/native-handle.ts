import { EspalierError } from '../core/index.ts';

export type HandleKind = 'environment' | 'session' | 'binding' | 'tensor' | 'memory' | 'runOptions' | 'loraAdapter';

const live = new Map<HandleKind, number>();

/** How many native handles are alive, by kind; kinds with none are left out. A test ends with `{}`. */
export function liveHandles(): Record<string, number> {
  return Object.fromEntries([...live].filter(([, count]) => count > 0));
}

/**
 * The lifetime of one native object. It is released after it was disposed and nothing holds it any more. A child holds its parents, a
 * binding holds the values that are bound to it, and a run holds the objects that it uses. So the order of `dispose()` calls never
 * matters, and disposing during a run takes effect when the run ends.
 */
export class NativeHandle {
  readonly kind: HandleKind;
  readonly #release: () => void;
  readonly #parents: readonly NativeHandle[];
  #holds = 0;
  #disposed = false;
  #released = false;

  constructor(kind: HandleKind, release: () => void, parents: readonly NativeHandle[] = []) {
    for (const parent of parents) parent.assertOpen();
    for (const parent of parents) parent.hold();
    this.kind = kind;
    this.#release = release;
    this.#parents = parents;
    live.set(kind, (live.get(kind) ?? 0) + 1);
  }

  /** @throws EspalierError DISPOSED once `dispose()` was called */
  assertOpen(): void {
    if (this.#disposed) throw new EspalierError('DISPOSED', { name: `A ${this.kind}` });
  }

  /** Keeps the native thing until `letGo`, also beyond `dispose()`. */
  hold(): void {
    this.assertOpen();
    this.#holds++;
  }

  letGo(): void {
    this.#holds--;
    this.#releaseIfUnused();
  }

  /** Releases the object: at once if nothing holds it, else when the last hold ends. Idempotent. */
  dispose(): void {
    this.#disposed = true;
    this.#releaseIfUnused();
  }

  #releaseIfUnused(): void {
    if (!this.#disposed || this.#released || this.#holds > 0) return;
    this.#released = true;
    live.set(this.kind, (live.get(this.kind) ?? 0) - 1);
    this.#release();
    for (const parent of this.#parents) parent.letGo();
  }
}

/** Where this folder's classes keep their handle. Not exported from `index.ts`: to others it is private. */
export const handle: unique symbol = Symbol('handle');
/** Where they keep their address. */
export const pointer: unique symbol = Symbol('pointer');
