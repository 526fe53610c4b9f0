/**
 * What is opened one after the other and given back in the reverse order, as a whole: by its owner, or because a later part could not be
 * opened. It is the part of JavaScript's DisposableStack that is needed here, which Node 20 does not have.
 */
export class ResourceStack implements Disposable {
  readonly #resources: Disposable[] = [];

  /** Takes ownership of a resource. @returns it */
  use<Resource extends Disposable>(resource: Resource): Resource {
    this.#resources.push(resource);
    return resource;
  }

  /** Gives everything back, the last first. Idempotent. */
  dispose(): void {
    for (let last = this.#resources.pop(); last !== undefined; last = this.#resources.pop()) last[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
