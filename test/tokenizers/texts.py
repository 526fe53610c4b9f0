"""Texts for comparing tokenizers: real ones from a folder, and generated ones of many scripts, code, numbers and tables."""
import random
import unicodedata
from pathlib import Path

SENTENCES = """The quick brown fox jumps over the lazy dog. We can't, won't and shouldn't've; it's John's. DON'T STOP, WE'LL SEE!
Straße, Füße, Äpfel und Öl: „Größe ist nicht alles“, sagte er am 3. Mai 2024 um 14:30 Uhr.
L’été dernier, j’ai mangé des crêpes à Noël — où ça ? À Besançon ! Ça coûte 12,50 €.
¿Qué pasó mañana? ¡El niño corrió rápidamente hacia el pingüino!
Zażółć gęślą jaźń. Příliš žluťoučký kůň úpěl ďábelské ódy. Árvíztűrő tükörfúrógép.
İstanbul'da ışık ılık IŞIK; Iğdır’ın güzelliği. Çalışıyor musunuz?
Съешь же ещё этих мягких французских булок, да выпей чаю. ЁЖИК в тумане.
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΟΔΥΣΣΕΥΣ, Ὀδυσσεύς, ᾿Αθῆναι.
עִבְרִית: דג סקרן שט בים מאוכזב ולפתע מצא חברה. שלום עולם!
نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر. ١٢٣٤ مرحبا، كيف الحال؟
یہ ایک مثال ہے۔ می‌خواهم بدانم که ۱۴۰۳ چه شد.
ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश। क्षत्रिय १२३
বাংলা ভাষায় লেখা একটি বাক্য। தமிழ் மொழி மிகவும் பழமையானது. తెలుగు భాష. ಕನ್ನಡ ಮಲയാളം ગુજરાતી ਪੰਜਾਬੀ සිංහල
นายสังฆภัณฑ์ เฮงพิทักษ์ฝั่ง ผู้เฒ่าซึ่งมีอาชีพเป็นฅนขายฃวด ๑๒๓ ພາສາລາວ ភាសាខ្មែរ မြန်မာစာ
天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。我能吞下玻璃而不伤身体。２０２４年１２月３１日！
いろはにほへと ちりぬるを。カタカナ、ｶﾀｶﾅ、ﾊﾞﾋﾞﾌﾞ。東京タワーへ行きました！「ようこそ」
키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. ᄒᆞᆫ글 값은 1,234원
ქართული ენა Հայոց լեզու አማርኛ ቋንቋ བོད་ཡིག ᠮᠣᠩᠭᠣᠯ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ ⵜⴰⵎⴰⵣⵉⵖⵜ ߒߞߏ
Tiếng Việt rất đẹp: Nguyễn Thị Hồng Nhung đã ăn phở ở Đà Nẵng. Tiếng Việt
😀😃😄 👨‍👩‍👧‍👦 👩🏽‍🚀 🏳️‍🌈 🇩🇪🇫🇷🇯🇵 ❤️‍🔥 ☺️ 1️⃣ #️⃣ ✈︎
é e̋̈ a̐éö̲ Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘! ﬁ ﬂ ﬆ Ⅷ ① ½ ㎏ ㍿ ℌ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ａｂｃ
for (let i = 0; i < n; ++i) { if (a[i] !== b[i]) return `${i}: ${a[i]}`; } // TODO: fix
def f(x: int = 0) -> str:\n    \"\"\"Doc.\"\"\"\n\treturn f'{x!r:>10}' if x else None\n\n\nclass A(B):\n    pass
SELECT id, "name" FROM t WHERE x >= 3.14e-10 AND y <> 'it''s' ORDER BY 1 DESC LIMIT 10;
<div class="a b" data-x='1'>&nbsp;&amp;<br/></div><!-- c --> {"k": [1, 2.5, null, true], "ü": "\\u00fc\\n"}
| Name | Age | City |\n|------|----:|:----:|\n| Ann  |  31 | Rome |\n| Bob  |   7 | Oslo |
\t\tx\t\ty\r\n\r\n   z   \n \n  \u00a0\u2003\u3000a\u200bb\u200d\u2060\ufeffc\u0085d\u2028e\u2029f\x0bg\x0ch\x1ci
1234567890 3.14159 -2,718,281.828 0x1F 1e10 ٣٫١٤ ۱۲ १२३ ④ ⅓ x² H₂O 10–20% $5 £6 ¥7 ₹8 №9 192.168.0.1
https://example.com/a/b?c=d&e=%20f#g user.name+tag@mail.example.co.uk C:\\Windows\\System32 /usr/bin/env 2024-02-29T23:59:60Z
<s> </s> <pad> <unk> [CLS] [SEP] [MASK] <|endoftext|> <|im_start|>user\nHi<|im_end|> <|end|> <bos><eos> <start_of_turn>
...!!!???---___***===~~~^^^%%%$$$###@@@&&&((()))[[[]]]{{{}}}<<<>>>///\\\\\\|||;;;:::,,,'''\"\"\"```
''s 's'S 'T'll'LL 're'VE 'd'M can''t I'M he'ſ K'\u212a ß ẞ ſ ǆ ǅ İ ı ŉ""".split("\n")
SENTENCES = [s for s in SENTENCES if s]
SENTENCES += ["\n".join(SENTENCES[at : at + 4]) for at in range(0, len(SENTENCES), 4)]

BLOCKS = [
    (0x20, 0x7F), (0x20, 0x7F), (0x20, 0x7F), (0xA0, 0x17F), (0x180, 0x24F), (0x250, 0x2AF), (0x300, 0x36F), (0x370, 0x3FF),
    (0x400, 0x52F), (0x531, 0x58A), (0x591, 0x5F4), (0x600, 0x6FF), (0x700, 0x74F), (0x780, 0x7B1), (0x7C0, 0x7FA), (0x900, 0x97F),
    (0x980, 0x9FE), (0xA01, 0xA76), (0xA81, 0xAF1), (0xB82, 0xBFA), (0xC00, 0xC7F), (0xC80, 0xCF2), (0xD00, 0xD7F), (0xD82, 0xDF4),
    (0xE01, 0xE5B), (0xE81, 0xEDF), (0xF00, 0xFDA), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x139F),
    (0x13A0, 0x13FD), (0x1400, 0x167F), (0x1780, 0x17F9), (0x1800, 0x18AA), (0x1E00, 0x1EFF), (0x1F00, 0x1FFE), (0x2000, 0x206F),
    (0x2070, 0x209C), (0x20A0, 0x20BF), (0x2100, 0x218B), (0x2190, 0x23FF), (0x2460, 0x24FF), (0x2500, 0x27BF), (0x2C00, 0x2DFF),
    (0x2E80, 0x2FD5), (0x3000, 0x303F), (0x3041, 0x30FF), (0x3105, 0x318E), (0x3200, 0x33FF), (0x3400, 0x4DB5), (0x4E00, 0x9FA5),
    (0x4E00, 0x9FA5), (0xA000, 0xA4C6), (0xAC00, 0xD7A3), (0xF900, 0xFAD9), (0xFB00, 0xFB4F), (0xFB50, 0xFDFD), (0xFE00, 0xFE6B),
    (0xFF01, 0xFFEE), (0x10000, 0x100FA), (0x10400, 0x1044F), (0x1D400, 0x1D7FF), (0x1F000, 0x1F0F5), (0x1F100, 0x1F1FF),
    (0x1F300, 0x1F64F), (0x1F680, 0x1F6C5), (0x20000, 0x2A6D6), (0xE0020, 0xE007F), (0x0, 0x1F), (0x80, 0x9F), (0xFFF0, 0xFFFD),
]


def real(folder, count, rng):
    """Passages of the text files of a folder."""
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix in {".md", ".ts", ".json", ".txt", ".py", ".mjs"} and p.is_file())
    passages = []
    for path in files:
        if any(part in {"node_modules", "dist", ".git"} for part in path.relative_to(folder).parts):
            continue
        text = path.read_text("utf8", "ignore")
        for _ in range(3):
            start = rng.randrange(max(1, len(text)))
            passages.append(text[start : start + rng.choice([40, 200, 800])])
    rng.shuffle(passages)
    return passages[:count]


def characters(rng):
    """A few characters of a few blocks, assigned in Unicode 12 or earlier, so that all sides know them."""
    text = ""
    for _ in range(rng.randrange(1, 6)):
        low, high = rng.choice(BLOCKS)
        for _ in range(rng.randrange(1, 10)):
            c = chr(rng.randrange(low, high + 1))
            if unicodedata.category(c) not in {"Cn", "Cs"} and unicodedata.ucd_3_2_0.category(c) != "Cn":
                text += c
        text += rng.choice(["", "", " ", "  ", "\n", "\t", ". ", ", ", "'"])
    return text


def mixed(rng, extra):
    """Pieces of sentences, cut anywhere and put together."""
    text = ""
    for _ in range(rng.randrange(1, 5)):
        sentence = rng.choice(SENTENCES)
        start = rng.randrange(len(sentence))
        text += sentence[start : start + rng.randrange(1, 40)]
        text += rng.choice(["", " ", "  ", "\n", *extra])
    return text


def number(rng):
    return "".join(rng.choice("0123456789.,-+eE%$ \n\t|xX()") for _ in range(rng.randrange(1, 30)))


def table(rng):
    width = rng.randrange(1, 6)
    rows = [[rng.choice(["", "a", "1.50", "naïve", "-3", "東京", "x y", "0"]) for _ in range(width)] for _ in range(rng.randrange(1, 6))]
    separator = rng.choice(["|", "\t", ",", " ; ", "   "])
    return "\n".join(separator.join(row) for row in rows)


def texts(folder, count, seed, extra=()):
    """`count` texts, the same for the same arguments. `extra` holds texts such as special tokens that are mixed in."""
    rng = random.Random(seed)
    all_texts = ["", " ", "  ", "\n", "a", *SENTENCES, *extra, *real(folder, count // 4, rng)]
    makers = [characters, characters, number, table]
    while len(all_texts) < count:
        maker = rng.choice([None, None, *makers])
        all_texts.append(mixed(rng, [*extra] or [""]) if maker is None else maker(rng))
    return all_texts[:count]
