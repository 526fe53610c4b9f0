// Compares tokenizers with Hugging Face's Rust library, through its Python binding. See docs/tokenizers.md.
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

import { openTokenizer } from '../../dist/tokenizer/index.js';
import { differences } from './differences.mjs';

const [folder, only] = process.argv.slice(2);
const show = Number(process.env.SHOW ?? 3);
const print = (line) => process.stdout.write(`${line}\n`);
const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'expected.jsonl')));
let failed = 0;
for (const name of names.filter((each) => only === undefined || only.split(',').includes(each))) {
  const started = performance.now();
  const tokenizer = await openTokenizer(join(folder, name));
  const counts = { lines: 0 };
  const lines = createInterface({
    input: createReadStream(join(folder, name, 'expected.jsonl'), 'utf8'),
    crlfDelay: Infinity,
  });
  for await (const line of lines) {
    counts.lines++;
    for (const [what, of, want, got] of differences(tokenizer, JSON.parse(line))) {
      counts[what] = (counts[what] ?? 0) + 1;
      if (counts[what] <= show)
        print(
          `  ${name} ${what}: ${JSON.stringify(of)}\n    want ${JSON.stringify(want)}\n    got  ${JSON.stringify(got)}`,
        );
    }
  }
  const { lines: total, ...bad } = counts;
  const count = Object.values(bad).reduce((sum, each) => sum + each, 0);
  failed += count;
  print(
    `${name.padEnd(22)} ${total} lines, ${count} differences ${count > 0 ? JSON.stringify(bad) : ''} (${Math.round(performance.now() - started)} ms)`,
  );
}
print(failed === 0 ? 'No differences.' : `${failed} differences.`);
process.exitCode = failed === 0 ? 0 : 1;
