import type { Finding, Part, Settings } from '../finding.ts';
import { agree, plugAndCount } from './plugs.ts';

const part = 'records';

export const recordsPart: Part = {
  name: part,
  summary: 'an adapter is plugged in and out; the channel, the series and the spans must count the same',
  run: runRecords,
};

async function* runRecords({ amount }: Settings): AsyncIterable<Finding> {
  const plugs = amount(10_000);
  const counts = await plugAndCount({ plugs });
  yield { part, claim: 'the three records agree', isSeen: agree(counts, plugs), figures: { plugs, ...counts } };
  const few = 100;
  const broken = await plugAndCount({ plugs: few, loses: 50 });
  yield { part, claim: 'broken: lost events are seen', isSeen: !agree(broken, few), figures: { ...broken } };
}
