/** One turn of a conversation that the demo writes. */
export interface Turn {
  readonly role: string;
  readonly content: string;
}
