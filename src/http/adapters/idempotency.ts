import { type Clock, EspalierError } from '../../core/index.ts';

export interface IdempotencyOptions {
  readonly clock: Clock;
  /** Most answers that are kept. The oldest is forgotten first. Default: 1,000. */
  readonly limit?: number | undefined;
  /** How long an answer is kept. Default: 24 hours. */
  readonly keptMs?: number | undefined;
}

/** A request that a client may send several times. */
export interface Repeatable {
  /** The client's key, within what the client may see. undefined: each request is one of its own. */
  readonly key: string | undefined;
  /** Everything of the request that decides its effect. */
  readonly content: string;
}

type Answer<Value> =
  | { readonly kind: 'done'; readonly value: Value }
  | { readonly kind: 'refused'; readonly error: EspalierError };

interface Entry<Value> {
  readonly content: string;
  readonly at: number;
  /** undefined while the request goes on. */
  answer: Answer<Value> | undefined;
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * The answers to requests with an `Idempotency-Key`. The same request again gets the same answer, and changes nothing. Faults of the
 * server are not kept, so that a client can try again.
 *
 * @see draft-ietf-httpapi-idempotency-key-header
 */
export class IdempotentAnswers<Value> {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #keptMs: number;
  /** In the order of their beginning. */
  readonly #entries = new Map<string, Entry<Value>>();

  constructor({ clock, limit = 1000, keptMs = dayMs }: IdempotencyOptions) {
    this.#clock = clock;
    this.#limit = limit;
    this.#keptMs = keptMs;
  }

  /**
   * @returns the answer, and whether it is that of an earlier request
   * @throws EspalierError IDEMPOTENCY_KEY_REUSED for another request with the same key, IDEMPOTENCY_KEY_BUSY while the first one goes
   *   on, and the errors of `act`
   */
  async answer(
    { key, content }: Repeatable,
    act: () => Promise<Value>,
  ): Promise<{ readonly value: Value; readonly isRepeated: boolean }> {
    if (key === undefined) return { value: await act(), isRepeated: false };
    this.#forgetOld();
    const known = this.#entries.get(key);
    if (known !== undefined) return { value: repeated(known, content), isRepeated: true };
    const entry: Entry<Value> = { content, at: this.#clock.now(), answer: undefined };
    this.#makeRoom();
    this.#entries.set(key, entry);
    try {
      const value = await act();
      entry.answer = { kind: 'done', value };
      return { value, isRepeated: false };
    } catch (error) {
      if (EspalierError.isInstance(error) && error.status < 500) entry.answer = { kind: 'refused', error };
      else this.#entries.delete(key);
      throw error;
    }
  }

  #forgetOld(): void {
    const before = this.#clock.now() - this.#keptMs;
    for (const [key, { at, answer }] of this.#entries) {
      if (at > before) return;
      if (answer !== undefined) this.#entries.delete(key);
    }
  }

  /** WHY requests that go on stay: a second one with the same key would be carried out beside them. */
  #makeRoom(): void {
    for (const [key, { answer }] of this.#entries) {
      if (this.#entries.size < this.#limit) return;
      if (answer !== undefined) this.#entries.delete(key);
    }
  }
}

function repeated<Value>({ content: first, answer }: Entry<Value>, content: string): Value {
  if (first !== content) throw new EspalierError('IDEMPOTENCY_KEY_REUSED', {});
  if (answer === undefined) throw new EspalierError('IDEMPOTENCY_KEY_BUSY', {});
  if (answer.kind === 'refused') throw answer.error;
  return answer.value;
}
