// What a tokenizer makes of a line of judge.py, beside what the judge makes of it.

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

const flat = (offsets) => offsets.flatMap(({ start, end }) => [start, end]);

/** Each difference: what differs, of which text or ids, what the judge says, and what the tokenizer says. */
export function* differences(tokenizer, line) {
  const { text, ids, offsets, error, decoded, skipped = decoded, whole, wholeOffsets, pair, types } = line;
  if (pair !== undefined) {
    const got = tokenizer.encodeForEncoder(pair[0], { pair: pair[1] });
    if (!same(got.ids, ids)) yield ['pair', pair, ids, got.ids];
    if (!same(got.typeIds, types)) yield ['types', pair, types, got.typeIds];
    const placed = tokenizer.encodeForEncoder(pair[0], { pair: pair[1], offsets: true });
    if (!same(placed.ids, ids)) yield ['ids with offsets', pair, ids, placed.ids];
    if (!same(flat(placed.offsets), offsets)) yield ['offsets', pair, offsets, flat(placed.offsets)];
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
    const placed = tokenizer.encodeWithOffsets(text);
    if (!same(placed.ids, ids)) yield ['ids with offsets', text, ids, placed.ids];
    if (!same(flat(placed.offsets), offsets)) yield ['offsets', text, offsets, flat(placed.offsets)];
    const around = tokenizer.encodeForEncoder(text, { offsets: true });
    if (!same(around.ids, whole ?? ids)) yield ['whole', text, whole, around.ids];
    if (!same(flat(around.offsets), wholeOffsets ?? offsets))
      yield ['offsets', text, wholeOffsets ?? offsets, flat(around.offsets)];
  }
  const all = tokenizer.decode(ids, { skipSpecial: false });
  if (all !== decoded) yield ['decoded', ids, decoded, all];
  const without = tokenizer.decode(ids);
  if (without !== skipped) yield ['skipped', ids, skipped, without];
  const stream = streamed(tokenizer, ids);
  if (stream !== decoded) yield ['stream', ids, decoded, stream];
}
