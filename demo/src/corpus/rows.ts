import { createRandom, type Random } from '#internal/core';
import type { Turn } from './turn.ts';
import { writeDialogue, type DialogueOptions, type Policy } from './dialogue.ts';
import { isHeldOut } from './held-out.ts';
import { writeLetter } from './letter.ts';
import { writeStory } from './story.ts';

/** One line of a JSONL file for training. */
export type DemoRow = { readonly messages: readonly Turn[] } | { readonly text: string };

/** Training rows and evaluation rows have no questions in common. */
export type Split = 'train' | 'eval';

export interface BaseRowsOptions {
  readonly seed: number;
  readonly rows: number;
  readonly split: Split;
}

/** Shares of the base's rows (0-1). The rest are conversations of a neutral assistant. */
const shares = { story: 0.1, letter: 0.06, voice: 0.12 } as const;

const baseBankShare = 0.65;

/** Rows for the base: conversations of a neutral bank assistant, small talk, and plain text. */
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

/** Rows for fine-tuning one policy: questions to the bank, with each opening question once. */
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

/** The first user turn of a conversation; empty if there is none. */
export function firstQuestion(messages: readonly Turn[]): string {
  return messages.find(({ role }) => role === 'user')?.content ?? '';
}

/**
 * A conversation in the tone of one of the policies, as its system message requests. WHY some of these are in the base's rows: adapters
 * do not change the embeddings, so they cannot learn a word that the base has never seen. The base does not learn which code belongs to
 * which case, because the codes here are random.
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
