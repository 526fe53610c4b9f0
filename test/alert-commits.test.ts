import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';

/**
 * Each alert's page names the commit that made its rule what it is. A commit cannot name itself: a rule changes in one commit, whose page
 * says `not committed yet`, and the next one names it. `WRITE_ALERT_COMMITS=1 npx vitest run test/alert-commits.test.ts` writes what
 * the pages have to say.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const rulesFile = 'deploy/observability/rules.yml';
const pending = 'not committed yet';
const digits = 12;

/** What git prints; undefined if it fails. */
function git(...words: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', words, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** The marks of a file's rules: hashes of what they say, by the names of their alerts. */
function marksIn(text: string): ReadonlyMap<string, string> {
  interface Rule {
    readonly alert?: string;
    readonly expr: string;
    readonly for?: string;
  }
  const { groups } = parse(text) as { groups: { rules: Rule[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  return new Map(
    rules.flatMap(({ alert, expr, for: holds = '' }) =>
      alert === undefined
        ? []
        : [
            [
              alert,
              createHash('sha256')
                .update(JSON.stringify([expr, holds]))
                .digest('hex')
                .slice(0, digits),
            ] as const,
          ],
    ),
  );
}

/** A state of the rules, and the commit that made it; undefined for what is not committed. */
interface State {
  readonly commit: string | undefined;
  readonly marks: ReadonlyMap<string, string>;
}

/**
 * The commit that made a rule what it is now: the oldest of those since which it has not changed.
 * @param states  the newest first
 */
function commitOf(alert: string, states: readonly State[]): string | undefined {
  const now = states[0]?.marks.get(alert);
  const changedAt = states.findIndex(({ marks }) => marks.get(alert) !== now);
  return states[(changedAt < 0 ? states.length : changedAt) - 1]?.commit;
}

/**
 * What is wrong with what a page says of its commit.
 * @param head  the newest commit
 */
function problemOf(said: string, { made, head }: { made: string | undefined; head: string }): string | undefined {
  const mayBePending = made === undefined || made === head;
  if (said === pending) return mayBePending ? undefined : `the rule was committed as ${made}`;
  return made?.startsWith(said) === true ? undefined : `it names ${said}, and the rule is of ${made ?? 'no commit'}`;
}

const pageOf = (alert: string): string => `${root}docs/alerts/${alert}.md`;
const inPage = /\(rule ([\da-f]{12}) of commit ([\da-f]{12}|not committed yet), in /;
const saidIn = (alert: string): string => inPage.exec(readFileSync(pageOf(alert), 'utf8'))?.[2] ?? 'nothing';

const present = marksIn(readFileSync(`${root}${rulesFile}`, 'utf8'));
const alerts = [...present.keys()];

/** The states of the rules; undefined where the history is not here: in a package, a shallow clone, or a copy with a history of its own. */
function readStates(): readonly State[] | undefined {
  const commits = git('log', '--format=%H', '--', rulesFile)?.split('\n') ?? [];
  if (commits[0] === undefined || commits[0] === '' || git('rev-parse', '--is-shallow-repository') !== 'false') return;
  const named = alerts.map(saidIn).filter((said) => said !== pending && said !== 'nothing');
  if (named.length > 0 && named.every((said) => git('cat-file', '-e', `${said}^{commit}`) === undefined)) return;
  const committed = commits.map((commit) => ({ commit, marks: marksIn(git('show', `${commit}:${rulesFile}`) ?? '') }));
  return [{ commit: undefined, marks: present }, ...committed];
}

const states = readStates();

if (process.env['WRITE_ALERT_COMMITS'] === '1' && states !== undefined) {
  for (const [alert, mark] of present) {
    const page = readFileSync(pageOf(alert), 'utf8');
    const commit = commitOf(alert, states)?.slice(0, digits) ?? pending;
    const told = page.replace(/\(rule [\da-f]{12}( of commit [^,]*)?, in /, `(rule ${mark} of commit ${commit}, in `);
    writeFileSync(pageOf(alert), told);
  }
}

describe.skipIf(states === undefined)(
  'the page of an alert (left out where the history of the rules is not here)',
  () => {
    const head = git('rev-parse', 'HEAD') ?? '';

    it.each(alerts)('%s names the commit of its rule', (alert) => {
      const made = commitOf(alert, states ?? []);
      expect(problemOf(saidIn(alert), { made, head })).toBeUndefined();
    });
  },
);

describe('the commit of a rule', () => {
  const state = (commit: string | undefined, mark: string): State => ({ commit, marks: new Map([['A', mark]]) });

  it('is the one since which it has not changed, whatever else changed in between', () => {
    expect(commitOf('A', [state(undefined, 'x'), state('c3', 'x'), state('c2', 'x'), state('c1', 'y')])).toBe('c2');
    expect(commitOf('A', [state(undefined, 'x'), state('c2', 'x'), state('c1', 'x')])).toBe('c1');
    expect(commitOf('A', [state(undefined, 'x'), state('c3', 'x'), state('c2', 'y'), state('c1', 'x')])).toBe('c3');
    expect(commitOf('A', [state(undefined, 'z'), state('c3', 'x')])).toBeUndefined();
  });

  it.each([
    ['abc', { made: 'abcd', head: 'ffff' }, true],
    ['abc', { made: 'bcde', head: 'ffff' }, false],
    ['abc', { made: undefined, head: 'ffff' }, false],
    ['nothing', { made: 'abcd', head: 'abcd' }, false],
    [pending, { made: undefined, head: 'ffff' }, true],
    [pending, { made: 'ffff', head: 'ffff' }, true],
    [pending, { made: 'abcd', head: 'ffff' }, false],
  ])('%s for %j: %s', (said, facts, isRight) => {
    expect(problemOf(said, facts) === undefined).toBe(isRight);
  });
});
