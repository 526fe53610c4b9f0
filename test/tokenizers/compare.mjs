// Compares tokenizers with Hugging Face's Rust library, through its Python binding. See docs/tokenizers.md.
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

import { createTokenizer } from '../../dist/tokenizer/index.js';

const [folder, only] = process.argv.slice(2);
const show = Number(process.env.SHOW ?? 3);
const print = (line) => process.stdout.write(`${line}\n`);
const same = (a, b) => a.length === b.length && a.every((each, i) => each === b[i]);

/** The text of ids that come one by one. Each piece must be whole characters. */
function streamed(tokenizer, ids) {
  const decoder = tokenizer.createStreamDecoder({ skipSpecial: false });
  let text = '';
  for (const id of ids) {
    const piece = decoder.push(id);
    if (!piece.isWellFormed()) return `half a character in ${JSON.stringify(piece)}`;
    text += piece;
  }
  return text + decoder.end();
}

function* differences(tokenizer, { text, ids, error, decoded, skipped = decoded, whole, pair, types }) {
  if (pair !== undefined) {
    const got = tokenizer.encodeForEncoder(pair[0], { pair: pair[1] });
    if (!same(got.ids, ids)) yield ['pair', pair, ids, got.ids];
    if (!same(got.typeIds, types)) yield ['types', pair, types, got.typeIds];
    return;
  }
  if (text !== undefined) {
    let got;
    try {
      got = tokenizer.encode(text);
    } catch (cause) {
      if (error === undefined) yield ['error', text, ids, cause.message];
      return;
    }
    if (error !== undefined) return yield ['no error', text, error, got];
    if (!same(got, ids)) return yield ['ids', text, ids, got];
    const around = tokenizer.encodeForEncoder(text).ids;
    if (!same(around, whole ?? ids)) yield ['whole', text, whole, around];
  }
  const all = tokenizer.decode(ids, { skipSpecial: false });
  if (all !== decoded) yield ['decoded', ids, decoded, all];
  const without = tokenizer.decode(ids);
  if (without !== skipped) yield ['skipped', ids, skipped, without];
  const stream = streamed(tokenizer, ids);
  if (stream !== decoded) yield ['stream', ids, decoded, stream];
}

const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'expected.jsonl')));
let failed = 0;
for (const name of names.filter((each) => only === undefined || only.split(',').includes(each))) {
  const started = performance.now();
  const tokenizer = createTokenizer({
    folder: name,
    tokenizer: JSON.parse(readFileSync(join(folder, name, 'tokenizer.json'), 'utf8')),
  });
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
