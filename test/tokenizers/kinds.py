"""Small tokenizers of every kind that model families use, trained on a corpus."""
import json
from collections import Counter

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

GPT4 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
GPT4_POSSESSIVE = r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"""
QWEN = GPT4.replace("{1,3}", "")
O200K = r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
DEEPSEEK = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[一-龥ࠀ-一가-퟿]+", r"\p{N}"]
DEEPSEEK_V3 = [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
KIMI = r"""[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
TEKKEN = r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
BLOOM = r""" ?[^(\s|[.,!?…。，、।۔،])]+"""

SPECIALS = ["<unk>", "<s>", "</s>", "<pad>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|end|>"]
VOCABULARY = 1500


def byte_level(corpus, *, pre, normalizer=None, post=None, ignore_merges=False, specials=SPECIALS, vocabulary=VOCABULARY):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = post or processors.ByteLevel(trim_offsets=False)
    return tokenizer


def split(*patterns, **options):
    """Splits by patterns, and then writes bytes."""
    behavior = options.get("behavior", "isolated")
    steps = [pre_tokenizers.Split(Regex(p), behavior=behavior, invert=options.get("invert", False)) for p in patterns]
    return pre_tokenizers.Sequence([*steps, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def pieces(corpus, *, pre=None, normalizer=None, decoder=None, fallback=True, post=None, fuse_unk=True, specials=SPECIALS):
    """Sentencepiece's BPE with tokens for bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse_unk, byte_fallback=fallback))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    bytes_ = [f"<0x{b:02X}>" for b in range(256)] if fallback else []
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[*specials, *bytes_], limit_alphabet=150, show_progress=False
    )
    # Trained on words, as sentencepiece does; used on whole texts.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.normalizer = None
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre
    tokenizer.decoder = decoder or llama_decoder()
    if post:
        tokenizer.post_processor = post
    # The bytes are tokens of the model, not added tokens.
    return without_added(tokenizer, bytes_)


def without_added(tokenizer, contents):
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if t["content"] not in set(contents)]
    return Tokenizer.from_str(json.dumps(state))


def llama_decoder(strip=1):
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*steps, *([decoders.Strip(" ", strip, 0)] if strip else [])])


def prefixed():
    return normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def bos(tokenizer_bos="<s>", id_=1):
    return processors.TemplateProcessing(single=f"{tokenizer_bos} $A", pair=f"{tokenizer_bos} $A {tokenizer_bos} $B:1", special_tokens=[(tokenizer_bos, id_)])


def unigram(corpus, *, normalizer=None, pre=None, decoder=None, post=None, specials=("<pad>", "</s>", "<unk>"), fallback=False):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre or pre_tokenizers.Metaspace()
    tokenizer.decoder = decoder or decoders.Metaspace()
    bytes_ = [f"<0x{b:02X}>" for b in range(256)] if fallback else []
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY, special_tokens=[*specials, *bytes_], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(common(corpus), trainer)
    if post:
        tokenizer.post_processor = post
    if fallback:
        state = json.loads(without_added(tokenizer, bytes_).to_str())
        state["model"]["byte_fallback"] = True
        tokenizer = Tokenizer.from_str(json.dumps(state))
    return tokenizer


def common(corpus):
    """The corpus with its most frequent characters only. The rest is unknown."""
    kept = {c for c, _ in Counter("".join(corpus)).most_common(300)}
    return ["".join(c if c in kept else " " for c in text) for text in corpus]


BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def bert(corpus, *, normalizer, pre=None, decoder=None, post="template", **model):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", **model))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre or pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoder or decoders.WordPiece()
    prefix = model.get("continuing_subword_prefix", "##")
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=BERT_SPECIALS, show_progress=False, limit_alphabet=500, continuing_subword_prefix=prefix
    )
    tokenizer.train_from_iterator(corpus, trainer)
    if post == "template":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    else:
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def words(corpus, pre, normalizer=None, decoder=None):
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer, tokenizer.normalizer = pre, normalizer
    tokenizer.train_from_iterator(corpus, trainers.WordLevelTrainer(vocab_size=VOCABULARY, special_tokens=SPECIALS, show_progress=False))
    if decoder:
        tokenizer.decoder = decoder
    return tokenizer


def with_added(tokenizer):
    """All options of added tokens."""
    tokenizer.add_tokens(
        [
            AddedToken("Straße", single_word=True),
            AddedToken("fox", single_word=True, normalized=False),
            AddedToken("<left>", lstrip=True, normalized=False),
            AddedToken("<right>", rstrip=True, normalized=False),
            AddedToken("<both>", lstrip=True, rstrip=True),
            AddedToken("Noël été", normalized=True),
            AddedToken("quick brown", normalized=True),
            AddedToken("quick brown fox", normalized=True),
            AddedToken("  ", normalized=False),
            AddedToken("    ", normalized=False),
            AddedToken("ÄÖÜ", normalized=True),
        ]
    )
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True), AddedToken("<|début|>"), AddedToken("<|end of turn|>")])
    return tokenizer


ADDED_TEXTS = ["<left>", " <right> ", "<both>", "Noël été", "quick brown fox", "Straße", "fox", "Foxy fox.", "<mask>", "  ÄÖÜ", "<|début|>", "<|end of turn|>", "    "]


def clip(corpus):
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<|startoftext|>", "<|endoftext|>"], end_of_word_suffix="</w>",
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0))
    return tokenizer


def suffix_bpe(corpus):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder("</w>")
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["<unk>"], end_of_word_suffix="</w>", limit_alphabet=200, show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def prefix_bpe(corpus):
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##", fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["[UNK]"], continuing_subword_prefix="##", limit_alphabet=200, show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def whisper_like(corpus):
    return byte_level(corpus, pre=pre_tokenizers.ByteLevel(add_prefix_space=False), post=bos("<|endoftext|>", 4))


def wav2vec(corpus):
    tokenizer = words(corpus, pre_tokenizers.Split("", "isolated"))
    tokenizer.decoder = decoders.CTC(pad_token="<pad>", word_delimiter_token="e")
    return tokenizer


def changed_model(tokenizer, change):
    state = json.loads(tokenizer.to_str())
    change(state["model"])
    return Tokenizer.from_str(json.dumps(state))


def without_large_bytes(model):
    """Characters of four bytes have no tokens, others have."""
    model["vocab"] = {(f"gone{id_}" if token.startswith("<0xF") else token): id_ for token, id_ in model["vocab"].items()}


def kinds(corpus, charsmap, removing):
    """Name and maker of each kind. `charsmap` and `removing` are character maps of sentencepiece; the second one removes characters."""
    P, N, D = pre_tokenizers, normalizers, decoders
    nmt = N.Precompiled(charsmap)
    chatml = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    roberta = processors.RobertaProcessing(("</s>", 2), ("<s>", 1))
    digits = P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)])
    t5_post = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    xlm_post = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    xlm = ("<s>", "<pad>", "</s>", "<unk>")
    gpt2 = P.ByteLevel(add_prefix_space=False)
    return {
        "gpt2": lambda: byte_level(corpus, pre=gpt2, specials=["<|endoftext|>"]),
        "gpt2-prefix-space": lambda: byte_level(corpus, pre=P.ByteLevel(add_prefix_space=True)),
        "gpt-neox": lambda: with_added(byte_level(corpus, pre=gpt2, normalizer=N.NFC())),
        "phi-2": lambda: with_added(byte_level(corpus, pre=gpt2)),
        "roberta": lambda: byte_level(corpus, pre=gpt2, post=roberta),
        "llama-3": lambda: byte_level(corpus, pre=split(GPT4), post=processors.Sequence([processors.ByteLevel(trim_offsets=True), bos()]), ignore_merges=True),
        "llama-3-merges": lambda: byte_level(corpus, pre=split(GPT4)),
        "qwen-2": lambda: byte_level(corpus, pre=split(QWEN), normalizer=N.NFC(), specials=chatml),
        "phi-4": lambda: byte_level(corpus, pre=split(GPT4_POSSESSIVE)),
        "olmo-2": lambda: byte_level(corpus, pre=split(GPT4), specials=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "|||IP_ADDRESS|||"]),
        "gpt-oss": lambda: byte_level(corpus, pre=split(O200K)),
        "tekken": lambda: byte_level(corpus, pre=split(TEKKEN), post=bos(), ignore_merges=True),
        "deepseek": lambda: byte_level(corpus, pre=split(*DEEPSEEK), post=bos()),
        "deepseek-v3": lambda: byte_level(corpus, pre=split(*DEEPSEEK_V3), post=bos()),
        "kimi": lambda: byte_level(corpus, pre=split(KIMI)),
        "smollm": lambda: byte_level(corpus, pre=digits, specials=chatml),
        "granite": lambda: byte_level(corpus, pre=digits),
        "bloom": lambda: byte_level(corpus, pre=split(BLOOM)),
        "falcon": lambda: byte_level(
            corpus,
            pre=P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False), P.Digits(), P.Split(Regex("[0-9][0-9][0-9]"), "isolated")]),
        ),
        "starcoder": lambda: with_added(byte_level(corpus, pre=digits)),
        "modernbert": lambda: with_added(byte_level(corpus, pre=gpt2, normalizer=N.NFC(), post=bos())),
        "byte-normalizer": lambda: byte_level(corpus, pre=P.Split(Regex(r"Ġ?[^Ġ]+"), "isolated"), normalizer=N.ByteLevel()),
        "clip": lambda: clip(corpus),
        "whisper": lambda: whisper_like(corpus),
        "llama-2": lambda: pieces(corpus, normalizer=prefixed(), post=bos()),
        "llama-2-added": lambda: with_added(pieces(corpus, normalizer=prefixed())),
        "llama-2-metaspace": lambda: pieces(corpus, pre=P.Metaspace(prepend_scheme="first", split=False), post=bos()),
        "mistral": lambda: pieces(corpus, normalizer=prefixed(), post=bos(), fuse_unk=True),
        "phi-3": lambda: with_added(pieces(corpus, normalizer=prefixed())),
        "gemma": lambda: pieces(corpus, normalizer=N.Replace(" ", "▁"), decoder=llama_decoder(0), post=bos()),
        "gemma-3": lambda: with_added(
            pieces(corpus, normalizer=N.Replace(" ", "▁"), pre=P.Split(" ", "merged_with_previous"), decoder=llama_decoder(0), post=bos())
        ),
        "pieces-unknown": lambda: pieces(corpus, normalizer=prefixed(), fallback=False, fuse_unk=False),
        "pieces-fused": lambda: pieces(corpus, normalizer=prefixed(), fallback=False),
        "t5": lambda: unigram(corpus, normalizer=N.Sequence([nmt, N.Replace(Regex(" {2,}"), " ")]), pre=P.Sequence([P.WhitespaceSplit(), P.Metaspace()]), post=t5_post),
        "xlm-roberta": lambda: unigram(corpus, normalizer=nmt, pre=P.Sequence([P.WhitespaceSplit(), P.Metaspace()]), post=xlm_post, specials=xlm),
        "albert": lambda: with_added(
            unigram(corpus, normalizer=N.Sequence([N.Replace("``", '"'), N.Replace("''", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(), nmt]), post=xlm_post, specials=xlm)
        ),
        "deberta-v3": lambda: unigram(corpus, normalizer=N.Sequence([N.Strip(), nmt, N.Replace(Regex(" {2,}"), " ")]), pre=P.Metaspace(prepend_scheme="first")),
        "unigram-bytes": lambda: unigram(corpus, normalizer=N.NFKC(), fallback=True, decoder=llama_decoder()),
        "mbart": lambda: unigram(corpus, normalizer=nmt, pre=P.Metaspace(), decoder=D.Metaspace(prepend_scheme="never")),
        "nmt": lambda: unigram(corpus, normalizer=N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), "▂")]), pre=P.Metaspace(split=False)),
        "scripts": lambda: unigram(corpus, pre=P.Sequence([P.UnicodeScripts(), P.Metaspace()])),
        "bert-uncased": lambda: bert(corpus, normalizer=N.BertNormalizer()),
        "bert-cased": lambda: bert(corpus, normalizer=N.BertNormalizer(lowercase=False), post="bert"),
        "bert-accents": lambda: bert(corpus, normalizer=N.BertNormalizer(lowercase=True, strip_accents=False, handle_chinese_chars=False)),
        "bert-unclean": lambda: bert(corpus, normalizer=N.BertNormalizer(clean_text=False), decoder=D.WordPiece(cleanup=False)),
        "bert-short-words": lambda: bert(corpus, normalizer=N.BertNormalizer(), max_input_chars_per_word=6),
        "bert-added": lambda: with_added(bert(corpus, normalizer=N.BertNormalizer())),
        "bert-japanese": lambda: bert(corpus, normalizer=N.NFKC(), pre=P.Sequence([P.Whitespace(), P.Punctuation()]), continuing_subword_prefix="@@", decoder=D.WordPiece(prefix="@@")),
        "distilbert-digits": lambda: bert(corpus, normalizer=N.Sequence([N.NFD(), N.StripAccents(), N.Strip(False, True)]), pre=P.Sequence([P.BertPreTokenizer(), P.Digits(True)])),
        "words-whitespace": lambda: words(corpus, P.Whitespace(), decoder=D.WordPiece(prefix="")),
        "words-delimiter": lambda: words(corpus, P.CharDelimiterSplit("e"), N.Lowercase()),
        "words-punctuation": lambda: words(corpus, P.Punctuation("merged_with_previous")),
        "words-next": lambda: words(corpus, P.Split(Regex(r"\w+|\p{Sc}"), "merged_with_next")),
        "words-contiguous": lambda: words(corpus, P.Split(Regex(r"\s"), "contiguous", invert=True)),
        "words-fixed": lambda: words(corpus, P.FixedLength(3)),
        "words-regex": lambda: words(corpus, P.Split(Regex(r"^\s*.|\b\d+\b$|(?>a|ab)c|[[:alpha:]&&[^a-m]]+|x{2,3}+|\h{4}|.$"), "removed", invert=True)),
        "bpe-suffix": lambda: suffix_bpe(corpus),
        "bpe-prefix": lambda: prefix_bpe(corpus),
        "ctc": lambda: wav2vec(corpus),
        # Kinds for offsets.
        "trimmed": lambda: with_added(
            byte_level(corpus, pre=P.ByteLevel(add_prefix_space=True), normalizer=N.NFKC(), post=processors.ByteLevel(trim_offsets=True, add_prefix_space=True))
        ),
        "trimmed-twice": lambda: byte_level(
            corpus,
            pre=P.ByteLevel(add_prefix_space=False, use_regex=False),
            normalizer=N.Sequence([N.Replace(Regex(r"\s+"), "   "), N.NFD()]),
            post=processors.Sequence([processors.ByteLevel(trim_offsets=True, add_prefix_space=False), processors.ByteLevel(trim_offsets=True), bos()]),
        ),
        "replacing": lambda: with_added(
            words(
                corpus,
                P.Sequence([P.Split(Regex("(?=e)"), "isolated"), P.Metaspace(prepend_scheme="first"), P.Digits()]),
                N.Sequence([N.Strip(), N.NFKD(), N.Replace(Regex("a+"), "xyz"), N.Prepend("«»"), N.NFC(), N.Lowercase(), N.Replace("e", ""), N.StripAccents()]),
            )
        ),
        "map-removes": lambda: unigram(corpus, normalizer=N.Sequence([N.Precompiled(removing), N.NFC()]), pre=P.Sequence([P.WhitespaceSplit(), P.Metaspace()])),
        "pieces-some-bytes": lambda: changed_model(pieces(corpus, normalizer=prefixed()), without_large_bytes),
        "pieces-some-bytes-unfused": lambda: changed_model(pieces(corpus, normalizer=prefixed(), fuse_unk=False), without_large_bytes),
        "pieces-no-unknown": lambda: changed_model(pieces(corpus, pre=P.Metaspace(), fallback=False), lambda model: model.update(unk_token=None)),
    }

