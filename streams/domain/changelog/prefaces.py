"""What stands before the message proper: gitmoji, issue keys, branches that it was ported to."""

import re
from typing import Final, NamedTuple

_MAX_HEADER: Final = 400
# https://gitmoji.dev: what each means as a commit type, by its sign and its code.
_GITMOJI: Final = {
    "✨ sparkles": "feat",
    "🎉 tada": "feat",
    "🐛 bug": "fix",
    "🚑 ambulance": "fix",
    "🩹 adhesive_bandage": "fix",
    "🥅 goal_net": "fix",
    "🔒 lock": "security",
    "⚡ zap": "perf",
    "📝 memo": "docs",
    "💡 bulb": "docs",
    "✏ pencil2": "docs",
    "📄 page_facing_up": "docs",
    "♻ recycle": "refactor",
    "🎨 art": "style",
    "🚨 rotating_light": "style",
    "🏗 building_construction": "refactor",
    "🚚 truck": "refactor",
    "🏷 label": "refactor",
    "⚰ coffin": "refactor",
    "🔥 fire": "refactor",
    "✅ white_check_mark": "test",
    "🧪 test_tube": "test",
    "📸 camera_flash": "test",
    "👷 construction_worker": "ci",
    "💚 green_heart": "ci",
    "📦 package": "build",
    "🔨 hammer": "build",
    "⬆ arrow_up": "deps",
    "⬇ arrow_down": "deps",
    "📌 pushpin": "deps",
    "\u2795 heavy_plus_sign": "deps",
    "\u2796 heavy_minus_sign": "deps",
    "🔧 wrench": "chore",
    "🙈 see_no_evil": "chore",
    "👥 busts_in_silhouette": "chore",
    "🔀 twisted_rightwards_arrows": "chore",
    "🚧 construction": "wip",
    "🚀 rocket": "chore",
    "🔖 bookmark": "release",
    "⏪ rewind": "revert",
    "🗑 wastebasket": "deprecate",
    "🚩 triangular_flag_on_post": "feat",
    "🌐 globe_with_meridians": "feat",
    "💄 lipstick": "feat",
    "♿ wheelchair": "feat",
    "🚸 children_crossing": "feat",
    "💥 boom": "breaking",
}
_TYPE_OF_SIGN: Final = {
    name: commit_type
    for names, commit_type in _GITMOJI.items()
    for sign, code in [names.split()]
    for name in (sign, f":{code}:")
}
_SIGN: Final = re.compile(
    "(" + "|".join(sorted(map(re.escape, _TYPE_OF_SIGN), key=len, reverse=True)) + ")\ufe0f? *"
)
_BRANCH: Final = r"(?:(?:release|maint|stable|backport)[-/ ])?v?[0-9]+(?:\.[0-9x]+)+(?:\.x)?"
_KEY: Final = r"[A-Za-z][A-Za-z0-9]{1,9}-[0-9]{1,9}"
_PREFACE: Final = re.compile(
    rf"(?:\[(?:back ?port[^\]\n]{{0,40}}|{_BRANCH}|{_KEY}|#[0-9]+)\]:?"
    rf"|\(#[0-9]+\):?|#[0-9]+:?|{_KEY}:?|Merged PR [0-9]+:|back ?port:)\s+",
    re.IGNORECASE | re.ASCII,
)
_PORTED: Final = re.compile(
    r"back ?port (?:of )?(?:PR )?#[0-9]+ (?:on|to|onto) (?:branch )?\S+ \((.+)\)$",
    re.IGNORECASE | re.ASCII,
)
_MAX_PREFACES: Final = 3


class Prefaced(NamedTuple):
    """The message proper, and the type that a sign before it stands for."""

    text: str
    sign_type: str | None


def strip_preface(header: str) -> Prefaced:
    """Return the header without what stands before its message, at most three pieces of it."""
    text = header[:_MAX_HEADER].strip()
    sign_type = None
    ported = _PORTED.match(text)
    if ported:
        text = ported[1]
    for _ in range(_MAX_PREFACES):
        sign = _SIGN.match(text) if sign_type is None else None
        match = sign or _PREFACE.match(text)
        if match is None or match.end() == len(text):
            break
        if sign:
            sign_type = _TYPE_OF_SIGN[sign[1]]
        text = text[match.end() :]
    return Prefaced(text, sign_type)
