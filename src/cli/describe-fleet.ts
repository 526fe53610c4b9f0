import type { RemoteFleet, RemotePlan } from '../http/index.ts';
import { inColumns } from './in-columns.ts';
import { shownText } from './shown-text.ts';

/** A look that takes longer is told of. */
const lateSeconds = 3;

type Row = RemoteFleet['rows'][number];

/** How a fleet stands: Git beside what lives. */
export function describeFleet(fleet: RemoteFleet): string {
  const {
    sync,
    source,
    applied,
    head,
    refused,
    unreachable,
    paused,
    problem,
    age_seconds: age,
    looking_seconds: looking,
  } = fleet;
  const lines = [
    `${sync}${source === null ? '' : `  ${source}`}`,
    ...(applied === null
      ? ['  applied      nothing yet']
      : [`  applied      ${stateText(applied)}, at ${applied.applied_at}`]),
    ...(age === null || source === null ? [] : [`  age          ${age} s`]),
    ...(head === null || head.commit === applied?.commit ? [] : [`  newest       ${stateText(head)}`]),
    ...(refused === null
      ? []
      : [`  refused      ${commitText(refused.commit)} since ${refused.since}: ${shownText(refused.error.message)}`]),
    ...(unreachable === null
      ? []
      : [`  unreachable  since ${unreachable.since}: ${shownText(unreachable.error.message)}`]),
    ...(looking === null || looking < lateSeconds ? [] : [`  looking      for ${looking} s, without an end so far`]),
    ...(problem === null ? [] : [`  problem      ${shownText(problem.message)}`]),
    ...(paused === null
      ? []
      : [
          `  paused       by ${paused.by} at ${paused.time}${paused.reason === null ? '' : ` (${shownText(paused.reason)})`}`,
        ]),
  ];
  return fleet.rows.length === 0 ? lines.join('\n') : `${lines.join('\n')}\n\n${rowsText(fleet.rows)}`;
}

/** What a manifest would change, or has changed. */
export function describePlan({ changes, rows, missing }: RemotePlan): string {
  const different = rows.filter(({ kind }) => kind !== 'in_sync');
  const first = changes === 0 ? 'no changes' : `${changes} ${changes === 1 ? 'change' : 'changes'}`;
  const absent = missing.length === 0 ? [] : [`${missing.length} versions are not in the store yet`];
  return [first, ...absent, ...(different.length === 0 ? [] : ['', rowsText(different)])].join('\n');
}

function rowsText(rows: readonly Row[]): string {
  const cells = rows.map(({ name, kind, declared, live, note }) => [
    name,
    kind.replaceAll('_', ' '),
    short(declared?.version),
    short(live?.version),
    live?.changed ? `${shownText(live.changed.by)} ${live.changed.time ?? ''}` : '',
    note === null ? '' : shownText(note),
  ]);
  return inColumns([['NAME', 'STATE', 'IN GIT', 'LIVE', 'LAST CHANGED BY', ''], ...cells]);
}

function stateText({
  commit,
  author,
  subject,
}: {
  commit: string;
  author: string | null;
  subject: string | null;
}): string {
  const more = [subject, author].filter((part) => part !== null && part !== '').map((part) => shownText(part ?? ''));
  return [commitText(commit), ...more].join(', ');
}

function commitText(commit: string): string {
  return commit.replace(/^(sha256-)?([\da-f]{12})[\da-f]*$/, '$1$2');
}

function short(version: string | null | undefined): string {
  return version?.slice(0, 12) ?? '-';
}
