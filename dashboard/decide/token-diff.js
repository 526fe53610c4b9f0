/** Where two answers differ, token by token. Pure functions. */

/**
 * @typedef {object} Token
 * @property {string} text
 * @property {number | null} logprob
 */

/**
 * @typedef {object} TokenDiff
 * @property {boolean[]} left   for each token of the left answer, whether the right one has it too
 * @property {boolean[]} right
 * @property {number | undefined} first  index of the first token that differs; undefined: there is none
 * @property {number} common  tokens that both have
 */

/** Above so many pairs of tokens, only the common beginning and end are found: the table would take too long. */
const maxPairs = 4_000_000;

/**
 * Finds a longest common subsequence of the tokens of two answers.
 * @param {readonly Token[]} left
 * @param {readonly Token[]} right
 * @returns {TokenDiff}
 * @see Hunt and Szymanski 1977 for the problem; here by the table of lengths
 */
export function diffTokens(left, right) {
  const [a, b] = [left.map(({ text }) => text), right.map(({ text }) => text)];
  const shortest = Math.min(a.length, b.length);
  let begin = 0;
  while (begin < shortest && a[begin] === b[begin]) begin++;
  let end = 0;
  while (end < shortest - begin && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const marks = {
    left: a.map((_, at) => at < begin || at >= a.length - end),
    right: b.map((_, at) => at < begin || at >= b.length - end),
  };
  const middle = [a.slice(begin, a.length - end), b.slice(begin, b.length - end)];
  for (const [i, j] of commonPairs(middle[0] ?? [], middle[1] ?? [])) {
    marks.left[begin + i] = true;
    marks.right[begin + j] = true;
  }
  const first = begin === a.length && begin === b.length ? undefined : begin;
  return { ...marks, first, common: marks.left.filter(Boolean).length };
}

/**
 * @param {readonly string[]} a
 * @param {readonly string[]} b
 * @returns {[number, number][]}
 */
function commonPairs(a, b) {
  const width = b.length + 1;
  if (a.length * b.length > maxPairs) return [];
  // lengths[i · width + j]: of the longest common subsequence of what follows i in a and j in b
  const lengths = new Uint16Array((a.length + 1) * width);
  const at = (/** @type {number} */ i, /** @type {number} */ j) => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  /** @type {[number, number][]} */
  const pairs = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

/**
 * What a comparison comes to, in a sentence.
 * @param {TokenDiff} diff
 * @returns {string}
 */
export function diffSentence({ left, right, first, common }) {
  if (left.length === 0 && right.length === 0) return 'Both answers are empty.';
  if (first === undefined) return `Both answers are the same: ${left.length} tokens.`;
  return `They differ from token ${first + 1} on. ${common} of ${left.length} and ${right.length} tokens are in both.`;
}

/**
 * The tokens of an answer of completions or of chat completions with `logprobs`.
 * @param {unknown} answer
 * @returns {Token[] | undefined} undefined if there are none
 */
export function tokensOf(answer) {
  const choice = fieldOf(fieldOf(answer, 'choices'), '0');
  const logprobs = fieldOf(choice, 'logprobs');
  const content = fieldOf(logprobs, 'content');
  if (Array.isArray(content)) {
    return content.map((one) => ({ text: String(fieldOf(one, 'token')), logprob: numberOf(fieldOf(one, 'logprob')) }));
  }
  const [texts, numbers] = [fieldOf(logprobs, 'tokens'), fieldOf(logprobs, 'token_logprobs')];
  if (!Array.isArray(texts)) return undefined;
  return texts.map((text, at) => ({ text: String(text), logprob: numberOf(fieldOf(numbers, String(at))) }));
}

/** @param {unknown} from @param {string} name @returns {unknown} */
function fieldOf(from, name) {
  return typeof from === 'object' && from !== null ? Reflect.get(from, name) : undefined;
}

/** @param {unknown} value @returns {number | null} */
function numberOf(value) {
  return typeof value === 'number' ? value : null;
}
