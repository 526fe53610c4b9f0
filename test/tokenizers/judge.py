"""Makes tokenizers and texts, and what Hugging Face's Rust library (its Python binding) makes of them.

usage: judge.py OUT --texts FOLDER [--count N] [--seed N] [--real NAME=PATH ...] [--only NAME,...]
Writes OUT/NAME/tokenizer.json and OUT/NAME/expected.jsonl for each kind: a line for each text, lines of pairs, and lines of random ids.

usage: judge.py test/tokenizers/fixtures --fixtures
Writes the fixtures of test/tokenizers.test.ts: a few kinds with small vocabularies, NAME.json with the tokenizer and its lines.
"""
import argparse
import io
import json
import random
import tempfile
from itertools import accumulate
from pathlib import Path

import kinds as kinds_module
import sentencepiece
import tokenizers
from kinds import ADDED_TEXTS, SPECIALS, kinds
from texts import SENTENCES, texts
from tokenizers import Tokenizer


def offsets(encoding, *both):
    """The offsets of all tokens in one list, in UTF-16 units of their text, as JavaScript counts."""
    places = [[0, *accumulate(1 + (ord(c) > 0xFFFF) for c in text)] for text in both]
    flat = []
    for (start, end), sequence in zip(encoding.offsets, encoding.sequence_ids):
        flat += [0, 0] if sequence is None else [places[sequence][start], places[sequence][end]]
    return flat


def expected(tokenizer, text):
    try:
        encoding = tokenizer.encode(text, add_special_tokens=False)
    except Exception as error:
        return {"text": text, "error": str(error)}
    ids = encoding.ids
    line = {"text": text, "ids": ids, "offsets": offsets(encoding, text), "decoded": tokenizer.decode(ids, skip_special_tokens=False)}
    skipped = tokenizer.decode(ids, skip_special_tokens=True)
    if skipped != line["decoded"]:
        line["skipped"] = skipped
    whole = tokenizer.encode(text)
    if whole.ids != ids:
        line["whole"] = whole.ids
        line["wholeOffsets"] = offsets(whole, text)
    return line


def pair(tokenizer, first, second):
    try:
        encoding = tokenizer.encode(first, second)
    except Exception:
        return None
    return {"pair": [first, second], "ids": encoding.ids, "types": encoding.type_ids, "offsets": offsets(encoding, first, second)}


def of_ids(tokenizer, ids):
    return {"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False), "skipped": tokenizer.decode(ids)}


def judged(tokenizer, all_texts, rng, pairs=100):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    size = tokenizer.get_vocab_size()
    lines = [expected(tokenizer, text) for text in all_texts]
    lines += [pair(tokenizer, rng.choice(all_texts), rng.choice(all_texts)) for _ in range(pairs)]
    # Random ids: broken characters, special tokens, ids that do not exist.
    lines += [of_ids(tokenizer, [rng.randrange(size + 3) for _ in range(rng.randrange(1, 12))]) for _ in range(len(all_texts) // 5)]
    return [line for line in lines if line]


FIXTURES = "trimmed replacing pieces-some-bytes gpt2 llama-3 phi-4 gpt-oss falcon llama-2-added gemma-3 albert unigram-bytes bert-added words-regex bpe-suffix".split()
# A few rules of a character map, in sentencepiece's form: code points, a tab, code points.
RULES = "FB01\t66 69\nFF21\t41\n3000\t20\nA0\t20\n1\t\nD\t20\n41 30A\tC5\n"


def write_fixtures(out):
    kinds_module.VOCABULARY = 420
    all_texts = [*SENTENCES, *ADDED_TEXTS, "", " ", "a"]
    charsmap = removing_map()
    made = kinds([*SENTENCES, *["the quick brown fox"] * 9], charsmap, charsmap)
    for name in FIXTURES:
        tokenizer = made[name]()
        lines = judged(tokenizer, all_texts, random.Random(1), pairs=5)
        fixture = {"judge": tokenizers.__version__, "tokenizer": json.loads(tokenizer.to_str()), "lines": lines}
        (out / f"{name}.json").write_text(json.dumps(fixture, ensure_ascii=False, separators=(",", ":")) + "\n", "utf8")


def removing_map():
    """A character map of the rules above, of which one removes a character."""
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write(RULES)
        rules.flush()
        return character_map(normalization_rule_tsv=rules.name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--texts")
    parser.add_argument("--fixtures", action="store_true")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", nargs="*", default=[])
    parser.add_argument("--only")
    args = parser.parse_args()
    if args.fixtures:
        return write_fixtures(args.out)
    corpus = [t for t in texts(args.texts, 4000, 7) if t]
    charsmap = character_map(normalization_rule_name="nmt_nfkc_cf")
    wanted = args.only.split(",") if args.only else None
    made = {name: make for name, make in kinds(corpus, charsmap, removing_map()).items() if wanted is None or name in wanted}
    reals = dict(each.split("=", 1) for each in args.real)
    made |= {name: (lambda path=path: Tokenizer.from_file(path)) for name, path in reals.items() if wanted is None or name in wanted}
    print(f"tokenizers {tokenizers.__version__}, {len(made)} kinds, {args.count} texts each", flush=True)
    for name, make in made.items():
        folder = args.out / name
        folder.mkdir(parents=True, exist_ok=True)
        rng = random.Random(args.seed)
        tokenizer = make()
        source = Path(reals[name]).read_text("utf8") if name in reals else tokenizer.to_str()
        (folder / "tokenizer.json").write_text(source, "utf8")
        lines = judged(tokenizer, texts(args.texts, args.count, args.seed, [*SPECIALS, *ADDED_TEXTS]), rng)
        (folder / "expected.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf8")


def character_map(**rule):
    """The character map that sentencepiece compiles for rules: normalizer_spec.precompiled_charsmap of a model that it trains."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d"] * 10), model_writer=model, vocab_size=8, minloglevel=2, **rule
    )
    return field(field(model.getvalue(), 3), 2)


def field(message, wanted):
    """The bytes of a field of a protobuf message whose other fields have a length, a varint or four bytes."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 2:
            length, at = varint(message, at)
            if number == wanted:
                return message[at : at + length]
            at += length
        elif kind == 0:
            _, at = varint(message, at)
        else:
            at += 4
    raise ValueError(f"no field {wanted}")


def varint(message, at):
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


if __name__ == "__main__":
    main()
