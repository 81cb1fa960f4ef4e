"""Renders cases as transformers does: python render.py CASES.json prints a JSON list of {"output": …} or {"error": …}.

A case has a template, and may have messages, tools, add_generation_prompt and variables. The clock of the templates stands still.
"""
import datetime
import json
import sys

from transformers.utils import chat_template_utils


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 3, 5, 15, 4, 9)


chat_template_utils.datetime = Clock


def render(case):
    try:
        template = chat_template_utils._compile_jinja_template(case["template"])
        arguments = {"documents": None, **case.get("variables", {})}
        text = template.render(
            **{
                **arguments,
                "messages": case.get("messages", []),
                "tools": case.get("tools"),
                "add_generation_prompt": case.get("add_generation_prompt", False),
            }
        )
        text.encode()
        return {"output": text}
    except RecursionError as error:
        return {"error": "RecursionError"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


print(json.dumps([render(case) for case in json.load(open(sys.argv[1]))]))
