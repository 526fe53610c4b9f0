/** The sender of a request, as far as a server can distinguish senders. */
export interface Caller {
  /** Callers get equal shares of the engine, and no caller can fill the queue alone. */
  readonly key: string;
  /** A user of the caller. The users of one caller get equal shares of what the caller gets. */
  readonly user?: string;
  /** Equal prompts are computed once within a scope. Default: one scope for all callers without a named key. */
  readonly cacheScope?: string;
  /** Where the request came from: given as it is to who is told of the end of its generations, such as its trace. */
  readonly origin?: object;
}
