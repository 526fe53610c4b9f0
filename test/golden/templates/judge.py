"""Makes the expected texts of the corpus: `python judge.py` in this folder, with jinja2 and transformers installed.

Each template of `snippets.txt` and of `templates/` is rendered as `apply_chat_template` of transformers renders it. Where Python raises,
the expected text is null. The time is fixed.
"""

import datetime
import json
import pathlib

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


if __name__ == "__main__":
    print("templates:", templates())
    print("snippets:", snippets())
