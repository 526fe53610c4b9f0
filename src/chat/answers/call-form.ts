/**
 * The form in which a model writes calls of tools. Its literals are texts of the template, with their white space. A reader takes any
 * white space where they have some.
 *
 *     sectionOpen (open call close) (open call close) ... sectionClose
 */
export interface CallForm {
  /** Before the first call. '' where each call stands for itself. */
  readonly sectionOpen: string;
  /** Before each call. Both are '' where an answer that begins with an object is a call. */
  readonly open: string;
  readonly call: CallBody;
  readonly close: string;
  readonly sectionClose: string;
}

export type CallBody = JsonCall | JsonCallList | NamedCall | TaggedCall | LooseCall;

/** `{"name": ..., "arguments": {...}}` */
export interface JsonCall {
  readonly kind: 'json';
  readonly nameKey: string;
  readonly argumentsKey: string;
}

/** A list of such objects, which holds all calls. */
export interface JsonCallList extends Omit<JsonCall, 'kind'> {
  readonly kind: 'list';
}

/** A name, a literal and the arguments as JSON. */
export interface NamedCall {
  readonly kind: 'named';
  readonly middle: string;
  /** Whether the name is written as an id: `functions.NAME:COUNT`, where COUNT is the calls of the conversation before it. */
  readonly isNumbered?: boolean;
}

/** A name, and arguments as a programming language writes them: `name(key="text", more=1)`, `name{key:<mark>text<mark>,more:1}`. */
export interface LooseCall {
  readonly kind: 'loose';
  readonly open: '(' | '{';
  readonly pair: '=' | ':';
  /** Around texts. `"` and `'` are read besides. */
  readonly quote: string;
  /** Whether the calls stand in a list, `[name(...), name(...)]`. */
  readonly isList: boolean;
}

/**
 * A name, and each argument between tags: `name afterName (keyOpen key keyClose value valueClose) ...`. Values that are texts are
 * written as they are, others as JSON.
 */
export interface TaggedCall {
  readonly kind: 'tagged';
  readonly afterName: string;
  readonly keyOpen: string;
  readonly keyClose: string;
  readonly valueClose: string;
}

/** The marks around a model's thoughts. */
export interface ThoughtForm {
  readonly open: string;
  readonly close: string;
}

/** How the parts of a model's answers are written. */
export interface AnswerForm {
  /** undefined: unknown, or the model calls no tools. 'harmony': in channels, like everything else. */
  readonly calls: CallForm | 'harmony' | undefined;
  /** undefined: none. Of Harmony the channels say what is a thought. */
  readonly thoughts: ThoughtForm | undefined;
  /** Whether the template takes only ids of nine letters and digits. */
  readonly hasShortIds: boolean;
  /** The tokens of the marks. Special ones among them have to be seen to read an answer. */
  readonly markIds: ReadonlySet<number>;
}
