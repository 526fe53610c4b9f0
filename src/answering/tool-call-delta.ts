/** The next part of a call of a tool, as OpenAI's streams divide them. */
export interface ToolCallDelta {
  /** Number of the call in its answer, from 0. */
  readonly index: number;
  /** In the first part of a call only, like the name. */
  readonly id?: string;
  readonly name?: string;
  /** What follows in the JSON text of the arguments. Often ''. */
  readonly arguments: string;
}

/** A call of a tool as a whole. */
export interface WholeToolCall extends ToolCallDelta {
  readonly id: string;
  readonly name: string;
}
