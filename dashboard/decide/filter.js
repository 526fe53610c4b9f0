/** Which adapters a search finds. Pure functions. */

/**
 * @typedef {object} Searchable
 * @property {string} name
 * @property {string} tier
 * @property {string} state
 * @property {string | null} version
 * @property {string | null} breaker
 * @property {boolean} draining
 * @property {boolean} pinned
 * @property {number} failed
 */

/** Words with a meaning of their own, beside parts of names and versions. */
const meanings = {
  failing: (/** @type {Searchable} */ one) => one.failed > 0 || one.state === 'failed',
  open: (/** @type {Searchable} */ one) => one.breaker !== null && one.breaker !== 'closed',
  draining: (/** @type {Searchable} */ one) => one.draining,
  pinned: (/** @type {Searchable} */ one) => one.pinned,
};

/**
 * Adapters in which every word of a search is found: in the name, the version, the tier or the state, or by its meaning (`is:failing`,
 * `is:open`, `is:draining`, `is:pinned`).
 * @template {Searchable} Row
 * @param {readonly Row[]} rows
 * @param {string} search
 * @returns {Row[]}
 */
export function filterAdapters(rows, search) {
  const tests = search.toLowerCase().split(/\s+/).filter(Boolean).map(testOf);
  return rows.filter((row) => tests.every((test) => test(row)));
}

/** @param {string} word @returns {(row: Searchable) => boolean} */
function testOf(word) {
  const meaning = word.startsWith('is:') ? word.slice(3) : undefined;
  if (meaning !== undefined) {
    for (const [name, test] of Object.entries(meanings)) if (name === meaning) return test;
    return (row) => row.tier === meaning || row.state === meaning;
  }
  return ({ name, version, tier, state }) =>
    name.toLowerCase().includes(word) || (version ?? '').startsWith(word) || tier === word || state === word;
}

/** WHY numeric: `claims-9` comes before `claims-10`. */
const names = new Intl.Collator('en', { numeric: true });

/**
 * @template {Searchable & { rate: number | undefined, leases: number, created: string }} Row
 * @param {readonly Row[]} rows
 * @param {string} by  `name`, `rate`, `failed`, `leases` or `age`
 * @returns {Row[]}
 */
export function sortAdapters(rows, by) {
  const byName = (/** @type {Row} */ a, /** @type {Row} */ b) => names.compare(a.name, b.name);
  /** @type {Record<string, (a: Row, b: Row) => number>} */
  const orders = {
    name: byName,
    rate: (a, b) => (b.rate ?? 0) - (a.rate ?? 0) || byName(a, b),
    failed: (a, b) => b.failed - a.failed || byName(a, b),
    leases: (a, b) => b.leases - a.leases || byName(a, b),
    age: (a, b) => Date.parse(b.created) - Date.parse(a.created) || byName(a, b),
  };
  return [...rows].sort(orders[by] ?? byName);
}
