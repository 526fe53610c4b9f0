import { isJsonObject, type JsonObject } from './tokenizer-files.ts';

/** Models that the tokenizer's library computes. */
const modelTypes = ['BPE', 'WordPiece', 'Unigram', 'WordLevel'];
/** No vocabulary comes near; ids beyond would not fit a graph's input either. */
const maxId = 2 ** 31 - 1;

/**
 * What is wrong with a tokenizer.json's vocabulary, which the library takes as it comes.
 *
 * @returns undefined where it is sound
 */
export function vocabularyProblem({ model, added_tokens: added }: JsonObject): string | undefined {
  if (!isJsonObject(model)) return 'it has no model with a vocab';
  const { type, vocab, merges } = model;
  // WHY undefined passes: files of old leave the type out, and the library tells it by the vocabulary.
  if (type !== undefined && !modelTypes.includes(String(type))) {
    return `its model is ${JSON.stringify(type)}, known are ${modelTypes.join(', ')}`;
  }
  return entriesProblem(vocab) ?? mergesProblem(merges) ?? addedProblem(added);
}

function entriesProblem(vocab: unknown): string | undefined {
  if (Array.isArray(vocab)) {
    const bad = vocab.find((entry) => !isPiece(entry));
    return bad === undefined ? undefined : `its vocab holds ${told(bad)}, expected pairs of text and score`;
  }
  if (!isJsonObject(vocab)) return 'it has no model with a vocab';
  const bad = Object.entries(vocab).find(([, id]) => !isId(id));
  return bad && `the token ${told(bad[0])} has the id ${told(bad[1])}`;
}

function isPiece(entry: unknown): boolean {
  return Array.isArray(entry) && typeof entry[0] === 'string' && Number.isFinite(entry[1]);
}

function mergesProblem(merges: unknown): string | undefined {
  if (merges === undefined || merges === null) return undefined;
  if (!Array.isArray(merges)) return 'its merges are no list';
  const bad = merges.find((merge) => !isMerge(merge));
  return bad === undefined ? undefined : `its merges hold ${told(bad)}, expected two parts`;
}

/** Two texts, or in files of old one with a space between them. */
function isMerge(merge: unknown): boolean {
  if (typeof merge === 'string') return merge.indexOf(' ', 1) > 0;
  return Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
}

function addedProblem(added: unknown): string | undefined {
  if (added === undefined || added === null) return undefined;
  if (!Array.isArray(added)) return 'its added_tokens are not a list';
  const bad = added.find((token) => !isJsonObject(token) || typeof token['content'] !== 'string' || !isId(token['id']));
  return bad === undefined ? undefined : `its added_tokens hold ${told(bad)}`;
}

function isId(id: unknown): boolean {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= maxId;
}

function told(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
