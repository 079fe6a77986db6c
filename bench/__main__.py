"""`make bench`: every benchmark in a process of its own, one after the other."""

import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
# In a module of this name, `main` measures something; the others help.
ENTRY: Final = 'if __name__ == "__main__":'


def benchmarks() -> list[str]:
    """Return the names of the modules that can be run."""
    modules = sorted(path for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    return [path.stem for path in modules if ENTRY in path.read_text(encoding="utf-8")]


def main() -> int:
    """Run the named benchmarks, all when none is named; return 1 if one failed."""
    failed = []
    for name in sys.argv[1:] or benchmarks():
        print(f"== bench.{name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
