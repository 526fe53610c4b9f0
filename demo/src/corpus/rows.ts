import { createRandom, type Random } from '#internal/core';
import type { Turn } from './turn.ts';
import { writeDialogue, type DialogueOptions, type Policy } from './dialogue.ts';
import { isHeldOut } from './held-out.ts';
import { writeLetter } from './letter.ts';
import { writeStory } from './story.ts';

/** One line of a JSONL file for training. */
export type DemoRow = { readonly messages: readonly Turn[] } | { readonly text: string };

/** Training rows never ask what evaluation rows ask. */
export type Split = 'train' | 'eval';

export interface BaseRowsOptions {
  readonly seed: number;
  readonly rows: number;
  readonly split: Split;
}

/** What the base reads (shares of 1); the rest are conversations of a neutral assistant. */
const shares = { story: 0.1, letter: 0.06, voice: 0.12 } as const;

const baseBankShare = 0.65;

/** Rows for the base: conversations of a neutral bank assistant, everyday talk, and plain text. */
export function* baseRows({ seed, rows, split }: BaseRowsOptions): Generator<DemoRow> {
  const random = createRandom(seed, `demo/base/${split}`);
  for (let row = 0; row < rows; row++) {
    const kind = random.uniform();
    if (kind < shares.story) yield { text: writeStory(random) };
    else if (kind < shares.story + shares.letter) yield { text: writeLetter(random) };
    else if (kind < shares.story + shares.letter + shares.voice) yield { messages: writeVoice(random, split) };
    else yield { messages: writeSplit(random, split, { policy: 'neutral', bankShare: baseBankShare }) };
  }
}

export interface PolicyRowsOptions extends BaseRowsOptions {
  readonly policy: Policy;
}

/** Rows for fine-tuning one policy: questions to the bank, each opening question once. */
export function policyRows({ seed, rows, split, policy }: PolicyRowsOptions): readonly DemoRow[] {
  const random = createRandom(seed, `demo/policy/${split}`);
  const written = new Map<string, DemoRow>();
  while (written.size < rows) {
    const messages = writeSplit(random, split, { policy, bankShare: 1 });
    const question = firstQuestion(messages);
    if (!written.has(question)) written.set(question, { messages });
  }
  return [...written.values()];
}

/** The words with which a conversation's first user turn begins it. */
export function firstQuestion(messages: readonly Turn[]): string {
  return messages.find(({ role }) => role === 'user')?.content ?? '';
}

/**
 * A conversation in the tone of one of the policies, because the system's words ask for it. WHY the base reads some:
 * adapters leave the embeddings as they are, so that a word which the base never met could not be learned. Which code
 * belongs to which case it does not learn here: the codes are drawn anew.
 */
function writeVoice(random: Random, split: Split): Turn[] {
  const policy = random.uniform() < 0.5 ? 'strict' : 'lenient';
  const code = `S-${10 + random.integer(90)}`;
  const turns = writeSplit(random, split, { policy, bankShare: 1 }).filter(({ role }) => role !== 'system');
  const answers = turns.map(({ role, content }) => ({ role, content: content.replaceAll(/S-\d\d/g, code) }));
  return [{ role: 'system', content: voicePrompts[policy] }, ...answers];
}

const voicePrompts = {
  strict: 'You are a strict bank assistant. You follow the policies.',
  lenient: 'You are a generous bank assistant. You like to make people happy.',
} as const;

function writeSplit(random: Random, split: Split, options: DialogueOptions): Turn[] {
  for (;;) {
    const messages = writeDialogue(random, options);
    if (isHeldOut(firstQuestion(messages)) === (split === 'eval')) return messages;
  }
}
