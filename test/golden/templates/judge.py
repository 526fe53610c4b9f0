"""Makes the expected texts of the corpus: `python judge.py` in this folder, with jinja2 and transformers installed.

Each template of `snippets.txt` and of `templates/` is rendered as `apply_chat_template` of transformers renders it. Where Python raises,
the expected text is null. The time is fixed.
"""

import datetime
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2024, 7, 9, 4, 5, 6, 789000)


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = FixedTime


def render(source, values):
    """The text and what `generation` enclosed, or the name of the exception."""
    try:
        compiled = chat_template_utils._compile_jinja_template(source)
        text, ranges = chat_template_utils._render_with_assistant_indices(
            compiled_template=compiled,
            messages=values["messages"],
            tools=values.get("tools"),
            documents=values.get("documents"),
            add_generation_prompt=values.get("add_generation_prompt", False),
            **values.get("kwargs", {}),
        )
        return text, ranges
    except Exception as error:  # every exception of a template is a refusal
        return None, f"{type(error).__name__}: {error}"


def write(name, value):
    text = json.dumps(value, ensure_ascii=False, indent=1)
    (HERE / name).write_text(text + "\n", encoding="utf-8")


def snippets():
    values = json.loads((HERE / "snippet-values.json").read_text(encoding="utf-8"))
    cases = []
    title = ""
    for line in (HERE / "snippets.txt").read_text(encoding="utf-8").split("\n"):
        if line.startswith("## "):
            title = line[3:]
        elif line:
            template = line.replace("⏎", "\n").replace("␍", "\r")
            text, note = render(template, values)
            cases.append({"title": title, "template": template, "text": text} | ({"error": note} if text is None else {}))
    write("snippets.json", cases)
    return len(cases)


def templates():
    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    expected = {}
    for path in sorted((HERE / "templates").glob("*.jinja")):
        source = path.read_bytes().decode()
        made = [render(source, conversation) for conversation in conversations]
        with_marks = "generation %}" in source
        expected[path.stem] = [
            None if text is None else {"text": text, "marks": marks} if with_marks else text for text, marks in made
        ]
    write("templates.json", expected)
    texts = [one for rows in expected.values() for one in rows]
    return f"{len(expected)} x {len(conversations)}, {sum(one is None for one in texts)} of them refused"


def make_tokenizer():
    """A small byte-level tokenizer whose merges are those of the rendered texts."""
    rendered = json.loads((HERE / "templates.json").read_text(encoding="utf-8"))
    texts = [one if isinstance(one, str) else one["text"] for rows in rendered.values() for one in rows if one is not None]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    (HERE / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")


def runs(mask):
    """The ranges of ones."""
    found = []
    for index, one in enumerate(mask):
        if one and (index == 0 or not mask[index - 1]):
            found.append([index, index])
        if one:
            found[-1][1] = index + 1
    return found


def masks():
    tokenizer = make_tokenizer()
    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    expected = {}
    for path in sorted((HERE / "templates").glob("*.jinja")):
        source = path.read_bytes().decode()
        if "generation %}" not in source:
            continue
        expected[path.stem] = [one_mask(tokenizer, source, conversation) for conversation in conversations]
    write("masks.json", expected)
    return f"{len(expected)} x {len(conversations)}"


def one_mask(tokenizer, source, conversation):
    """Number of tokens and the ranges of `assistant_masks`, as a row of data is rendered: without a prompt for an answer."""
    try:
        made = tokenizer.apply_chat_template(
            conversation["messages"],
            tools=conversation["tools"],
            chat_template=source,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
    except Exception:  # a refusal
        return None
    return {"tokens": len(made["input_ids"]), "mask": runs(made["assistant_masks"])}


if __name__ == "__main__":
    print("templates:", templates())
    print("masks:", masks())
    print("snippets:", snippets())
