/** A turn of a conversation. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** An adapter and its strength. */
export interface AdapterUse {
  readonly name: string;
  readonly scale: number;
}

/** How answers are drawn. */
export interface Drawing {
  readonly temperature: number;
  readonly topP: number;
  /** Undefined: the answerer's own limit. */
  readonly maxTokens: number | undefined;
}

/** A conversation in the terminal, and what the next answer will be given by. It is never changed in place. */
export interface Conversation {
  /** The model of a server; undefined in this process, which has one base. */
  readonly model: string | undefined;
  /** The adapters that answer, added up; none: the base. */
  readonly adapters: readonly AdapterUse[];
  readonly system: string | undefined;
  readonly turns: readonly Turn[];
  readonly drawing: Drawing;
}

/** The messages that a model is given. */
export function messagesOf({ system, turns }: Pick<Conversation, 'system' | 'turns'>): readonly Turn[] {
  return system === undefined ? turns : [{ role: 'system', content: system }, ...turns];
}

export function withTurn(conversation: Conversation, turn: Turn): Conversation {
  return { ...conversation, turns: [...conversation.turns, turn] };
}

/** Without the last question and what came after it. @returns the question too; undefined if there is none */
export function withoutLast(
  conversation: Conversation,
): { readonly conversation: Conversation; readonly question: string } | undefined {
  const { turns } = conversation;
  const place = turns.findLastIndex(({ role }) => role === 'user');
  const question = turns[place]?.content;
  if (question === undefined) return undefined;
  return { conversation: { ...conversation, turns: turns.slice(0, place) }, question };
}

/** Who answers, for the prompt of the terminal. */
export function nameOfAnswerer({ adapters, model }: Conversation): string {
  if (adapters.length === 0) return model ?? 'base';
  return adapters.map(({ name, scale }) => (scale === 1 ? name : `${name}=${scale}`)).join(' + ');
}
