/** Messages to and from one other process. What they say is for the caller to check. */
export interface Peer {
  send(message: object): void;
  /** Sends a last message, and waits for a moment until the other side has sent its own. */
  sendLast(message: object): Promise<void>;
  /** From now on a listener gets each message, those included that came before, and hears once if no more can come. */
  listen(listener: (message: unknown) => void, onEnd: (error: Error) => void): void;
}
