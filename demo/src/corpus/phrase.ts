import type { Random } from '#internal/core';

/** Words by the name of the slot that they can fill. */
export type Lexicon = Readonly<Record<string, readonly string[]>>;

/** Writes the phrases of one conversation. A slot that has been filled keeps its word throughout the conversation. */
export interface Phraser {
  /** One of several phrases, with its alternatives chosen and its slots filled. */
  write(phrases: readonly string[]): string;
  /** True with the given probability (0-1). */
  chance(probability: number): boolean;
}

/**
 * A phrase is plain text with alternatives `[one|another|]`, of which one is chosen (an alternative may be empty, and alternatives may
 * nest), and with slots `{slot}` for words of the lexicon.
 */
export function createPhraser(random: Random, lexicon: Lexicon): Phraser {
  const filled = new Map<string, string>();
  const pick = (options: readonly string[]): string => options[random.integer(options.length)] ?? '';
  const fill = (slot: string): string => {
    const words = lexicon[slot];
    if (words === undefined) throw new Error(`no words for the slot {${slot}}`);
    // WHY words of other slots are excluded: a phrase such as "from Anna to Anna" would teach nothing.
    const unused = words.filter((word) => ![...filled.values()].includes(word));
    const word = filled.get(slot) ?? pick(unused.length > 0 ? unused : words);
    filled.set(slot, word);
    return word;
  };
  const choose = (phrase: string): string => {
    const innermost = /\[([^[\]]*)\]/;
    let text = phrase;
    for (let match = innermost.exec(text); match !== null; match = innermost.exec(text)) {
      text = text.slice(0, match.index) + pick((match[1] ?? '').split('|')) + text.slice(match.index + match[0].length);
    }
    return text;
  };
  return {
    write: (phrases) => choose(pick(phrases)).replace(/\{(\w+)\}/g, (_, slot: string) => fill(slot)),
    chance: (probability) => random.uniform() < probability,
  };
}
