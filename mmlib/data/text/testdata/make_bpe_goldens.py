"""Golden values of byte-pair encoding, from Hugging Face's tokenizers.

    pip install tokenizers==0.23.1
    python make_bpe_goldens.py        # writes the three files below beside it

Running it again gives the same bytes.

bpe_corpus.json     what the tokenizers are trained on: a list of texts, English and Chinese, made by this script
bpe_tokenizer.json  the tokenizer of MAIN below, as tokenizers writes it
bpe_goldens.json    "tokenizers": the version that made all this
                    "texts": for each text its "ids" with encode_special_tokens, and "special" ids without, where they differ
                    "classes": the class of every code point in GPT-2's regular expression, as runs: L letters, N numbers,
                        S white space, O others (surrogates too, which no text has). "O9S5" is nine O, then five S
                    "trainings": for each the options, and the SHA-256 of the tokenizer.json. Those without "texts" are
                        of bpe_corpus.json
"""

import hashlib
import itertools
import json
import pathlib
import random

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VERSION = "0.23.1"
assert tokenizers.__version__ == VERSION, tokenizers.__version__
here = pathlib.Path(__file__).parent
MAIN = {"vocab_size": 900, "min_frequency": 2, "special": ["<pad>", "<|startoftext|>", "<|endoftext|>", "<mask>", "<image>", "<image><image>"]}


def corpus():
    rng = random.Random(20160131)
    nouns = "digit shirt sneaker photograph drawing kitten bridge river mountain window lantern teapot bicycle orchestra".split()
    adjectives = "handwritten blurry yellow ancient quiet lower lowest newer widest tiny brightly-lit unbelievable".split()
    templates = ["a photo of the {a} {n}.", "The {n} isn't {a}; it's {b}!", "we've seen {k} {n}s, they're all {a}", "{n}, {n} and {m}",
                 "A {a} {n}, {k} pixels wide,  and a {b} {m}", "I'll say: \"{n}\" (no. {k})", "{a}{n}{m} don't WON'T Can't"]
    things = "数字 衬衫 运动鞋 照片 图画 小猫 桥梁 河流 高山 窗户 灯笼 茶壶 自行车 管弦乐队".split()
    kinds = "手写的 模糊的 黄色的 古老的 安静的 更低的 最宽的 难以置信的".split()
    phrases = ["一张{a}{n}的照片。", "这是{k}个{n}，不是{m}！", "{n}和{m}都是{a}", "图中有{a}{n}、{b}{m}", "数字{k}：{n}　{m}", "CLIP模型看见了{n} ({m})"]
    texts = []
    for i in range(330):
        chinese = i % 2
        pick = lambda words: rng.choice(words)  # noqa: E731
        a, n = (kinds, things) if chinese else (adjectives, nouns)
        texts.append(pick(phrases if chinese else templates).format(a=pick(a), b=pick(a), n=pick(n), m=pick(n), k=rng.randrange(1, 3000)))
    texts += ["", " ", "\n\n\n    indented\n\ttabs\t\tand  spaces   \n", "aaaaaaaa aaaa aaaaa aaa aa a", "ababababab abab bababa abcabcabc bcbcabc",
              "👩‍👩‍👧‍👦 👍🏽 🇨🇳🇫🇷 ❤️", "e\u0301te\u0301 nai\u0308ve café Ünïcødé", "ＡＢＣ１２３ ①②③ Ⅷ ½", "\u00a0non\u00a0breaking\u00a0\u3000全角\u3000空格",
              "<pad> <|endoftext|> <mask>", "naïve Привет мир مرحبا שלום สวัสดี नमस्ते 안녕하세요 こんにちは"] * 3
    return texts


def texts(corpus):
    """Texts that are easily cut wrong."""
    spaces = [" ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2003", "\u1680", "\u2028", "\u2029", "\u202f", "\u205f", "\u0085", "\x0b", "\x0c",
              "\x1c", "\u200b", "\ufeff", "\u180e", "\u2060"]
    some = [""]
    for s in spaces:
        some += [s, s * 2, s + "a", s * 3 + "a", "a" + s + "b", "a" + s + " b", "a " + s + "b", "七" + s * 2 + "八", s + "'s", "1" + s]
    some += ["".join(p) for p in itertools.product([" ", "\n", "\u00a0"], [" ", "\t", "\u3000"], ["x", "'t", "!", "7", ""])]
    some += ["it's they're we've I'm you'll he'd don't", "IT'S THEY'RE WE'VE I'M", "''s 's '' '", "'sun 'tis 'rest 'very 'more 'llama 'down",
             " 's", "a'", "a'b", "rock'n'roll", "’s don’t", "'S 'ſ 's's's", "x'r x're x'v x'l x'll", "o'clock's'"]
    some += ["0", "0123456789", "3.14159", "1,000,000", "1st 2nd", "x2 2x", "²³ ½ Ⅷ ① 一二三 〇", "१२३ ٣٤٥ ๕๖", "１２３", "2026-01-31T12:34"]
    some += ["你好，世界！", "一张数字七的照片。", "这是T恤和sneaker的照片", "㐀㐁 𠀀𠀁 豈", "「」『』《》", "ㄅㄆㄇ かな カナ 한글", "中 文\u3000字", "的的的的的的的的"]
    some += ["👍", "👍🏽👍🏿", "👩‍👩‍👧‍👦", "🏳️‍🌈 🏴‍☠️", "🇨🇳🇫🇷🇺", "❤ ❤️ ❤️‍🔥", "a👍b", "👍 👍", "1️⃣ #️⃣", "🫨🪿"]
    some += ["é", "e\u0301", "e\u0301e\u0301", "\u0301a", " \u0301", "a\u0301\u0302\u0303b", "नमस्ते", "สวัสดี", "ก\u0e33", "שָׁלוֹם", "مُحَمَّد", "Å\u212b\u00c5", "ﬁ ﬀ ß ẞ İ ı", "Z͑ͫ̓a̴̵l̶g̷o"]
    some += ["<pad>", "<|endoftext|>", "a<|endoftext|>b", "<|startoftext|>a photo<|endoftext|><pad><pad>", "< pad>", "<pad", "<<pad>>", "<PAD>",
             " <mask> ", "<mask>'s", "<image><image>", "<image><image><image>", "look: <image>\n七", "<|endof<|endoftext|>text|>", "<pad>\u3000<pad>", "pad start end mask"]
    some += ["low lower lowest newer widest", "unbelievablebrightly-lit", "ababababababa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abcabcabcbcbcabc" * 3,
             "a" * 300, "的" * 100, " " * 300, "\n" * 100 + "x", "! " * 60, "x" * 100 + " " * 100 + "7" * 100, "....,,,,;;;;", "a_b-c.d/e\\f", "#hash @at $1 €2 £3 ¥4 °C",
             "http://example.com/a?b=c&d=%20", "func main() {\n\tfmt.Println(\"hi\")\n}\n", "if x:\n    return  y   # no\n\n\n", "\x00\x01\x7f", "\x00", "\u00ad\u200d\u200e",
             "\ufffd", "\ufffe\uffff", "\U0010ffff", "\ue000", "Ġ Ċ Ā ĠĠ", "\u1c89\ua7dc\U000105c0 \U00010d40\U000116d0 \U0002ebf0", "Привет, как дела?", "ǅ ǈ ª º"]
    some += corpus[:24]
    rng = random.Random(7)
    pieces = ["a", "the", " ", "  ", "\n", "'s", "'", "!", "7", "42", "七", "照片", "，", "\u3000", "\u00a0", "é", "e\u0301", "👍", "🏽", "\u200d", "<pad>", "Ω", "ﬁ", "²", "<"]
    some += ["".join(rng.choice(pieces) for _ in range(rng.randrange(3, 14))) for _ in range(80)]
    return list(dict.fromkeys(some))


def train(texts, vocab_size, min_frequency, special):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=special,
                                                     initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return t


def trainings(corpus):
    """Others of the corpus, and many small ones, full of pairs that occur equally often and of runs of one letter."""
    rng = random.Random(3)
    options = [dict(MAIN, vocab_size=v, min_frequency=f, special=s) for v, f, s in [
        (256, 0, []), (257, 0, []), (262, 0, MAIN["special"]), (300, 5, []), (700, 0, ["<pad>"]), (5000, 1, []), (5000, 3, ["[PAD]", "<é>"])]]
    for i in range(60):
        letters = "ab" if i % 3 == 0 else "abc" if i % 3 == 1 else "abcdé七"
        options.append({"texts": [" ".join("".join(rng.choice(letters) for _ in range(rng.randrange(1, 12))) for _ in range(rng.randrange(2, 12)))
                                  for _ in range(rng.randrange(1, 5))],
                        "vocab_size": rng.choice([260, 280, 400]), "min_frequency": rng.choice([0, 1, 2, 3]), "special": []})
    for o in options:
        t = train(o.get("texts", corpus), o["vocab_size"], o["min_frequency"], o["special"])
        o["sha256"] = hashlib.sha256(t.to_str().encode()).hexdigest()
    return options


def classes():
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    joins = lambda a, c: len(cut.pre_tokenize_str(a + c + a)) == 1  # noqa: E731

    def of(code):
        c = chr(code)
        if 0xD800 <= code < 0xE000 or c == "'":
            return "O"
        return next((name for name, a in [("L", "a"), ("N", "1"), ("O", "!")] if joins(a, c)), "S")

    return "".join(f"{name}{len(list(run))}" for name, run in itertools.groupby(map(of, range(0x110000))))


def write(name, content):
    (here / name).write_text(content + "\n", encoding="utf-8")


corpus = corpus()
write("bpe_corpus.json", json.dumps(corpus, ensure_ascii=False, indent=0))
tokenizer = train(corpus, **MAIN)
write("bpe_tokenizer.json", tokenizer.to_str())
goldens = []
for text in texts(corpus):
    tokenizer.encode_special_tokens = True
    golden = {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
    assert tokenizer.decode(golden["ids"]) == text, text
    tokenizer.encode_special_tokens = False
    special = tokenizer.encode(text, add_special_tokens=False).ids
    if special != golden["ids"]:
        golden["special"] = special
    goldens.append(golden)
write("bpe_goldens.json", "{" + ",\n".join([
    f'"tokenizers":"{VERSION}"', '"options":' + json.dumps(MAIN), f'"classes":"{classes()}"',
    '"trainings":[\n' + ",\n".join(json.dumps(o, ensure_ascii=False) for o in trainings(corpus)) + "]",
    '"texts":[\n' + ",\n".join(json.dumps(g, separators=(",", ":")) for g in goldens) + "]"]) + "}")
print(len(corpus), "texts to train on,", len(goldens), "to encode,", tokenizer.get_vocab_size(), "tokens")
