/** Gives a member its answer, or the error that it gets instead. */
export type Give<Answer> = (member: number, result: PromiseSettledResult<Answer>) => void;

/** Answers requests of members together. Each goes on as soon as it is given its answer. */
export type Hold<Request, Answer> = (requests: ReadonlyMap<number, Request>, give: Give<Answer>) => Promise<void>;

export interface MeetingOptions<Request, Answer> {
  /** Members are numbered from 0. */
  readonly members: number;
  readonly hold: Hold<Request, Answer>;
  /** Chooses which of the requests are answered first; the others wait with their members. Default: all. */
  readonly choose?: (requests: ReadonlyMap<number, Request>) => ReadonlyMap<number, Request>;
}

interface Waiting<Request, Answer> {
  readonly request: Request;
  readonly settle: (result: PromiseSettledResult<Answer>) => void;
}

/**
 * Members that go on in step: when each that is present has asked for something, they are answered together. What is answered with what
 * depends on nothing but the requests, and not on how long a member took to ask. A member that has its answer goes on while others still
 * wait for theirs; what it asks next belongs to the next time.
 */
export class Meeting<Request, Answer> {
  readonly #options: MeetingOptions<Request, Answer>;
  readonly #present: Set<number>;
  readonly #waiting = new Map<number, Waiting<Request, Answer>>();
  readonly #over: Promise<void>;
  #end: () => void = () => undefined;
  #isHeld = false;

  constructor(options: MeetingOptions<Request, Answer>) {
    this.#options = options;
    this.#present = new Set(Array.from({ length: options.members }, (_, member) => member));
    this.#over = new Promise((resolve) => (this.#end = resolve));
  }

  /** Settles when the last member has left. */
  get over(): Promise<void> {
    return this.#over;
  }

  /** Waits until every present member has asked. A member asks one thing at a time, and does not leave while it waits. */
  ask(member: number, request: Request): Promise<Answer> {
    if (!this.#present.has(member) || this.#waiting.has(member))
      throw new TypeError(`member ${member} may not ask now`);
    return new Promise<Answer>((resolve, reject) => {
      const settle = (result: PromiseSettledResult<Answer>): void => {
        if (result.status === 'fulfilled') resolve(result.value);
        else reject(result.reason as Error);
      };
      this.#waiting.set(member, { request, settle });
      this.#begin();
    });
  }

  /** The others no longer wait for it. Idempotent. */
  leave(member: number): void {
    this.#present.delete(member);
    if (this.#present.size === 0) this.#end();
    this.#begin();
  }

  #begin(): void {
    if (this.#isHeld || this.#present.size === 0 || this.#waiting.size < this.#present.size) return;
    this.#isHeld = true;
    void this.#hold();
  }

  async #hold(): Promise<void> {
    const { hold, choose = (all) => all } = this.#options;
    // WHY sorted: the order in which they asked depends on time.
    const all = new Map([...this.#waiting].sort(([a], [b]) => a - b).map(([member, { request }]) => [member, request]));
    const chosen = choose(all);
    const open = new Set(chosen.keys());
    const give: Give<Answer> = (member, result) => {
      if (!open.delete(member)) throw new TypeError(`member ${member} waits for no answer`);
      const waiting = this.#waiting.get(member);
      this.#waiting.delete(member);
      waiting?.settle(result);
    };
    const failed = await hold(chosen, give).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    for (const member of open) {
      const reason = failed === undefined ? new TypeError(`member ${member} was not answered`) : failed.error;
      give(member, { status: 'rejected', reason });
    }
    this.#isHeld = false;
    this.#begin();
  }
}
