/** The sender of a request, as far as a server can distinguish senders. */
export interface Caller {
  /** Callers get equal shares of the engine, and no caller can fill the queue alone. */
  readonly key: string;
  /** A user of the caller. The users of one caller get equal shares of what the caller gets. */
  readonly user?: string;
}

/** OpenAI's identifiers have at most 64 characters. */
const longestUser = 128;

/**
 * The caller is the address, because all clients of a server have the same API key. `user` is a claim of the client. It divides the
 * share of the client's address, so a client that invents users takes nothing from other addresses.
 *
 * @param body  of a request to OpenAI's API; `safety_identifier` has priority over `user`, its older name
 */
export function callerOf(address: string, body: Readonly<Record<string, unknown>>): Caller {
  const user = [body['safety_identifier'], body['user']].find((name) => typeof name === 'string' && name !== '');
  return { key: address, ...(typeof user === 'string' ? { user: user.slice(0, longestUser) } : {}) };
}
