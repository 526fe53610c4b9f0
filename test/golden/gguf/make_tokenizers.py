"""Makes tokenizers as llama.cpp's converter writes them to GGUF, with the ids that sentencepiece, tokenizers and transformers give.

python make_tokenizers.py OUT_DIR       (sentencepiece 0.2, tokenizers, transformers 5.18)
"""
import inspect
import io
import json
import sys

import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer, convert_slow_tokenizer

corpus = [
    "The quick brown fox jumps over the lazy dog, and it's 12345 times that he'll say so.",
    "    def main(argument):\n        return argument + 1000\n\n\nprint(main(42))",
    "Les élèves étaient très fatigués; naïve façade, Straße, 東京は大きい都市です.",
    "I'm sure we've seen THE WORLD'S largest worlds, the other, there, then, them.",
] * 40
texts = [
    "The quick brown fox",
    " the  other   words\n\n\nthere\n",
    "I'm he'll WE'VE it's 1234567 worlds!?",
    "\tdef main():\r\n    return 10000 + 42  ",
    "très naïve cafe\u0301 東京 \U0001f600 \u00a0x",
    "▁ under ▁▁lines",
    "(a)[b]{c} <x> --> ...\n",
    "",
]
cases = []


def byte_pairs(pre, name, tokenizer, specials, adds_bos):
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    types = [1] * len(tokens)
    bos = None
    for special in specials:
        bos = len(tokens) if bos is None else bos
        tokens.append(special)
        types.append(3)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    ids = name(tokenizer)
    settings = {"model": "gpt2", "pre": pre, "tokens": tokens, "token_type": types, "merges": merges, "eos_token_id": bos, "bos_token_id": bos}
    first = [bos] if adds_bos else []
    cases.append({"name": pre, "settings": settings, "ids": [first + ids(text) for text in texts]})


def trained(pre_tokenizer, **settings):
    tokenizer = Tokenizer(models.BPE(**settings))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def plain(tokenizer):
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])


def qwen(tokenizer):
    model = json.loads(tokenizer.to_str())["model"]
    whole = Qwen2Tokenizer(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]])
    return lambda text: whole(text, add_special_tokens=False)["input_ids"]


pattern = inspect.signature(convert_slow_tokenizer.TikTokenConverter.__init__).parameters["pattern"].default
byte_pairs("gpt-2", plain, trained(pre_tokenizers.ByteLevel(False)), ["<|endoftext|>"], False)
byte_pairs("qwen2", qwen, trained(split(pattern.replace("{1,3}", ""))), ["<|endoftext|>"], False)
digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)])  # SmolLM's tokenizer.json
byte_pairs("smollm", plain, trained(digits), ["<|endoftext|>"], False)
byte_pairs("llama-bpe", plain, trained(split(pattern), ignore_merges=True), ["<|begin_of_text|>"], True)


def pieces(name, prefix, symbols):
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for text in corpus for line in text.split("\n") if line]), model_writer=file, model_type="bpe",
        vocab_size=560, byte_fallback=True, add_dummy_prefix=prefix, remove_extra_whitespaces=False, normalization_rule_name="identity",
        split_digits=True, allow_whitespace_only_pieces=True, user_defined_symbols=symbols, character_coverage=0.98, minloglevel=2,
    )  # fmt: skip
    model = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    count = range(model.get_piece_size())
    kind = lambda id: 2 if model.is_unknown(id) else 3 if model.is_control(id) else 6 if model.is_byte(id) else 4 if model.id_to_piece(id) in symbols else 1  # noqa: E731
    settings = {
        "model": "llama", "tokens": [model.id_to_piece(id) for id in count], "scores": [model.get_score(id) for id in count],
        "token_type": [kind(id) for id in count], "bos_token_id": model.bos_id(), "eos_token_id": model.eos_id(), "unknown_token_id": model.unk_id(),
        "add_bos_token": True, "add_space_prefix": prefix,
    }  # fmt: skip
    cases.append({"name": name, "settings": settings, "ids": [[model.bos_id(), *model.encode(text)] for text in texts]})


pieces("SentencePiece", True, [])
pieces("SentencePiece without a prefix, with symbols", False, ["▁▁", "▁▁▁▁", "\n\n", "<x>"])
with open(f"{sys.argv[1]}/tokenizers.json", "w", encoding="utf-8") as file:
    json.dump({"texts": texts, "cases": cases}, file, ensure_ascii=False)
