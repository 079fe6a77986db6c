"""The labels of fields that need no configuration, with the words that speak for each.

Plain trackers' English, written by hand: it only has to be better than a guess, until the first
answers come in.
"""

from collections.abc import Mapping
from typing import Final

_BUG: Final = {
    "bug": 2.0, "crash": 2.0, "crashes": 2.0, "crashed": 2.0, "crashing": 2.0, "error": 1.2,
    "errors": 0.8, "exception": 1.5, "traceback": 2.0, "fails": 1.6, "fail": 1.2, "failed": 1.2,
    "failing": 1.5, "failure": 1.3, "broken": 2.0, "breaks": 1.6, "wrong": 1.2, "incorrect": 1.5,
    "incorrectly": 1.5, "regression": 2.0, "segfault": 2.0, "segmentation fault": 2.0,
    "memory leak": 2.0, "leak": 1.2, "hang": 1.2, "hangs": 1.6, "freeze": 1.4, "freezes": 1.6,
    "stuck": 1.2, "not working": 0.7, "doesn t work": 1.5, "does not work": 1.5,
    "doesn t": 0.7, "does not": 0.5, "not work": 0.8, "stopped working": 1.8, "no longer": 1.2,
    "unexpected": 1.0, "invalid": 0.7, "missing": 0.9, "steps to reproduce": 1.2,
    "to reproduce": 0.8, "repro": 0.8, "reproduce": 0.6, "expected behavior": 0.9,
    "expected result": 0.9, "actual behavior": 0.9, "actual result": 0.9, "actual results": 0.9,
    "current behavior": 0.8, "unable to": 0.3, "cannot": 1.0, "assertion": 1.2, "panic": 1.6,
    "corrupt": 1.3, "corrupted": 1.3, "undefined": 0.6, "nan": 0.6, "warning": 0.5,
    "timeout": 0.8, "disappears": 1.4, "flicker": 1.4, "flickering": 1.4, "overflow": 0.9,
    "instead of": 0.7, "stack trace": 1.2, "aborted": 1.2, "outage": 1.5, "down": 0.4,
    "not": 0.3, "issue type bug": 2.0, "after update": 0.8, "after upgrading": 0.8,
    "inconsistent": 0.9, "weird": 0.6, "glitch": 1.5, "ignored": 0.8, "defect": 1.8,
    "could not": 0.9, "not found": 0.9, "when": 0.4, "already": 0.6, "error message": 0.8,
    "every time": 0.9, "this bug": 0.9, "the bug": 0.6, "most recent call last": 0.8,
    "running": 0.4,
}  # fmt: skip
_FEATURE: Final = {
    "feature": 1.5, "feature request": 2.5, "request": 0.8, "enhancement": 2.0, "proposal": 2.0,
    "suggestion": 1.5, "rfc": 1.8, "support": 0.7, "add": 1.4, "add support": 1.2, "allow": 1.2,
    "please add": 1.5, "would be nice": 2.0, "would be great": 1.8, "would be useful": 1.8,
    "would be helpful": 1.5, "would like": 1.0, "it would": 0.8, "should be able": 0.9,
    "implement": 1.4, "improve": 1.4, "improvement": 1.4, "improvements": 1.2, "introduce": 1.4,
    "option to": 1.2, "an option": 0.9, "ability to": 1.5, "able to": 0.4, "provide": 0.7,
    "enable": 0.6, "extend": 1.0, "expose": 1.0, "make it": 0.6, "new": 0.5, "consider": 0.8,
    "wish": 1.2, "wishlist": 2.0, "motivation": 1.0, "use case": 1.0, "use cases": 0.9,
    "alternatives": 1.2, "describe the solution": 1.5, "is your feature": 1.5,
    "currently": 0.4, "could we": 0.6, "customize": 1.0, "configurable": 1.2, "refactor": 1.2,
    "replace": 0.7, "remove": 0.6, "deprecate": 1.0, "idea": 1.0, "propose": 1.5,
    "will this change": 1.2, "who will benefit": 1.2, "benefit": 0.6, "setting to": 0.9,
    "shortcut": 0.5, "feature description": 1.5, "related problem": 0.8, "todo": 0.8,
    "tracking issue": 1.2, "allow to": 0.8, "let users": 1.2, "better": 0.4,
    "it would be": 1.2, "would": 0.4, "this would": 0.8, "would allow": 0.8, "we could": 0.8,
    "proposed": 0.9, "this feature": 1.0, "the feature": 0.6, "describe the feature": 1.0,
    "support for": 0.6, "for": 0.2, "way to": 0.5, "nice to have": 1.2, "to have": 0.5,
    "is your feature request": 0.8, "should": 0.3, "this change": 0.6,
}  # fmt: skip
_QUESTION: Final = {
    "question": 2.5, "how": 1.2, "how to": 1.6, "how do i": 1.8, "how do": 1.0, "how can": 1.3,
    "how can i": 1.4, "what": 0.8, "what is": 0.9, "why": 1.2, "why is": 0.6, "when": 0.1,
    "where": 0.5, "which": 0.4, "who": 0.4, "is it possible": 1.5, "is there": 1.2,
    "is there a way": 1.5, "is there any": 1.3, "can i": 1.2, "can someone": 1.4,
    "can anyone": 1.4, "can you": 0.8, "could you": 0.7, "could someone": 1.4, "does": 0.6,
    "help": 1.2, "need help": 1.4, "please help": 1.4, "help me": 1.2, "confused": 1.4,
    "understand": 0.8, "wondering": 1.4, "i want to": 0.9, "want to": 0.5, "i am trying": 0.9,
    "i m trying": 0.9, "trying to": 0.5, "i use": 0.4, "explain": 1.2, "clarify": 1.2,
    "clarification": 1.4, "documentation": 0.6, "tutorial": 0.8, "example": 0.3, "any idea": 1.0,
    "thanks": 0.8, "thank you": 0.8, "stackoverflow": 0.8, "should i": 1.2, "anyone": 0.8,
    "advice": 1.2, "recommended": 0.6, "difference between": 1.2, "correct way": 1.2,
    "best way": 1.2, "install": 0.4, "installation": 0.4, "usage": 0.5, "hello": 0.5, "hi": 0.5,
    "i have": 0.3, "my": 0.3, "do i": 1.0, "am i": 1.0, "possible to": 0.8, "convert": 0.4,
    "what s": 0.6, "tell me": 1.2, "know how": 0.9, "?": 0.8, "i": 0.4,
    "i tried": 0.9, "i need": 0.9,
    "i have a": 0.4, "can t": 0.4, "unable to": 0.6, "about": 0.4, "working": 0.3, "vs": 0.7,
    "compile": 0.4, "questions": 0.6, "i am": 0.5, "when i": 0.4, "know if": 0.7,
    "i don t know": 1.0,
}  # fmt: skip
_LOW: Final = {
    "minor": 1.5, "cosmetic": 2.0, "typo": 2.0, "nice to have": 2.0, "trivial": 2.0,
    "low priority": 2.5, "when you have time": 1.5, "documentation": 0.8, "spelling": 1.5,
    "suggestion": 1.0, "question": 0.8, "low": 0.7, "cleanup": 1.2, "p4": 2.0, "p5": 2.0,
}  # fmt: skip
_MEDIUM: Final = {"medium": 1.0, "normal": 1.0, "p3": 2.0, "moderate": 1.5}
_HIGH: Final = {
    "urgent": 2.0, "high": 0.8, "important": 1.0, "major": 1.5, "high priority": 2.5,
    "blocker": 1.5, "blocked": 1.2, "blocking": 1.2, "crash": 1.0, "crashes": 1.0, "asap": 1.8,
    "regression": 1.0, "cannot work": 1.5, "customers": 0.8, "p2": 2.0, "degraded": 1.2,
    "timeout": 0.6, "timeouts": 0.6, "deadline": 1.2, "failing": 0.7, "unable": 0.6,
}  # fmt: skip
_CRITICAL: Final = {
    "critical": 2.5, "outage": 2.5, "production": 1.2, "data loss": 2.5, "security": 1.2,
    "vulnerability": 1.8, "emergency": 2.5, "down": 1.2, "everyone": 0.9, "all users": 1.5,
    "sev1": 2.5, "p0": 2.5, "p1": 2.0, "breach": 2.0, "corruption": 1.5, "corrupted": 1.0,
    "disaster": 1.8, "unavailable": 1.4, "site is down": 2.0, "page": 0.2,
}  # fmt: skip

BUILTIN_LABELS: Final[Mapping[str, Mapping[str, Mapping[str, float]]]] = {
    "category": {"bug": _BUG, "feature": _FEATURE, "question": _QUESTION},
    "priority": {"low": _LOW, "medium": _MEDIUM, "high": _HIGH, "critical": _CRITICAL},
}
