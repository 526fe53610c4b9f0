import { isJsonObject, type JsonObject } from './tokenizer-files.ts';

/** The kinds of tokenizer models that the library supports. */
const modelTypes = ['BPE', 'WordPiece', 'Unigram', 'WordLevel'];
/** The limit on ids. No real vocabulary comes near it, and larger ids do not fit the input of a graph. */
const maxId = 2 ** 31 - 1;

/**
 * Checks the vocabulary of a tokenizer.json, because the library does not. Returns the problem as text.
 *
 * @returns undefined if it is valid
 */
export function vocabularyProblem({ model, added_tokens: added }: JsonObject): string | undefined {
  if (!isJsonObject(model)) return 'it has no model with a vocab';
  const { type, vocab, merges } = model;
  // WHY undefined is valid: old files omit the type, and the library infers it from the vocabulary.
  if (type !== undefined && !modelTypes.includes(String(type))) {
    return `its model is ${JSON.stringify(type)}, known are ${modelTypes.join(', ')}`;
  }
  return entriesProblem(vocab) ?? mergesProblem(merges) ?? addedProblem(added);
}

function entriesProblem(vocab: unknown): string | undefined {
  if (Array.isArray(vocab)) {
    const bad = vocab.find((entry) => !isPiece(entry));
    return bad === undefined ? undefined : `its vocab holds ${shown(bad)}, expected pairs of text and score`;
  }
  if (!isJsonObject(vocab)) return 'it has no model with a vocab';
  const bad = Object.entries(vocab).find(([, id]) => !isId(id));
  return bad && `the token ${shown(bad[0])} has the id ${shown(bad[1])}`;
}

function isPiece(entry: unknown): boolean {
  return Array.isArray(entry) && typeof entry[0] === 'string' && Number.isFinite(entry[1]);
}

function mergesProblem(merges: unknown): string | undefined {
  if (merges === undefined || merges === null) return undefined;
  if (!Array.isArray(merges)) return 'its merges are no list';
  const bad = merges.find((merge) => !isMerge(merge));
  return bad === undefined ? undefined : `its merges hold ${shown(bad)}, expected two parts`;
}

/** A merge has two texts. In old files it is one text with a space between them. */
function isMerge(merge: unknown): boolean {
  if (typeof merge === 'string') return merge.indexOf(' ', 1) > 0;
  return Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
}

function addedProblem(added: unknown): string | undefined {
  if (added === undefined || added === null) return undefined;
  if (!Array.isArray(added)) return 'its added_tokens are not a list';
  const bad = added.find((token) => !isJsonObject(token) || typeof token['content'] !== 'string' || !isId(token['id']));
  return bad === undefined ? undefined : `its added_tokens hold ${shown(bad)}`;
}

function isId(id: unknown): boolean {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= maxId;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
