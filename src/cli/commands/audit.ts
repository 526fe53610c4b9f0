import { z } from 'zod';
import { readAudit, type AuditRecord, type AuditReport } from '../../adapter-store/index.ts';
import { exitCodes, type CommandDefinition } from '../command.ts';
import { path, readOptions } from '../read-options.ts';

const since = z
  .string()
  .transform((text) => Date.parse(text))
  .refine((time) => !Number.isNaN(time), { error: 'a date or a time, such as 2026-11-29 or 2026-11-29T12:00:00Z' });

const schema = z.object({
  path,
  name: z.string().min(1, { error: 'the name of an adapter' }).optional(),
  since: since.optional(),
});

/** `espalier audit`: prints the audit record of a store, and checks that nothing in it was changed. */
export const auditCommand: CommandDefinition = {
  name: 'audit',
  summary: 'Reads the audit record of a store of adapters, and checks that no line was changed or removed.',
  examples: [
    'espalier audit adapters-store',
    'espalier audit adapters-store --name support --since 2026-11-29',
    'espalier audit adapters-store/audit.jsonl --json',
  ],
  configure: (command) =>
    void command
      .argument('<path>', 'the folder of a store, or one file of a record')
      .option('--name <name>', 'only what happened to the adapter of this name')
      .option('--since <time>', 'only what happened from this time on, in UTC unless it says otherwise'),
  run: async (options, { output, json }) => {
    const read = readOptions(schema, options);
    const isAsked = ({ name, time }: AuditRecord): boolean =>
      (read.name === undefined || name === read.name) && (read.since === undefined || Date.parse(time) >= read.since);
    const report = await readAudit(read.path, (record) => {
      if (!isAsked(record)) return;
      if (json) output.event(record);
      else output.stream(`${describeRecord(record)}\n`);
    });
    output.answer(report, () => describeReport(report));
    return report.problems.length === 0 ? exitCodes.success : exitCodes.failure;
  },
};

function describeRecord({ time, event, result, actor, name, digest, previous, ...rest }: AuditRecord): string {
  const from = previous === undefined ? '' : ` (before: ${short(previous)})`;
  const what = [
    time,
    result === 'done' ? event : `${event} ${result}`,
    ...(name === undefined ? [] : [name]),
    ...(digest === undefined ? [] : [`${short(digest)}${from}`]),
    `by ${actor}`,
  ];
  const { reason, code, message } = rest;
  const why = [reason, message, code].filter((text) => text !== undefined);
  return printable(`${what.join('  ')}${why.length === 0 ? '' : `: ${why.join('; ')}`}`);
}

const short = (digest: string): string => digest.slice(0, 12);

/** WHY: names and messages come from outside, and a terminal obeys control characters. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (character) => JSON.stringify(character).slice(1, -1));
}

function describeReport({ records, first, head, problems }: AuditReport): string {
  const begins = first > 1 ? ` The record begins at number ${first}: older files have been taken away.` : '';
  const counted = `${records} ${records === 1 ? 'record' : 'records'}.${begins}`;
  if (problems.length === 0) return `${counted} No line was changed. Hash of the last line: ${head}`;
  const listed = problems.map(({ file, line, problem }) => `${file}, line ${line}: ${problem}`);
  return `${counted} The record is not as it was written:\n${listed.join('\n')}`;
}
