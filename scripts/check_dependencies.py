"""Checks what `cargo metadata` says of every dependency: a licence that we accept, and no newer Rust than ours.

    python3 scripts/check_dependencies.py
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Permissive, or weak copyleft for whole files only (MPL-2.0): all may be linked into a program under MIT or Apache-2.0.
ACCEPTED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "NCSA", "Unicode-3.0", "Unlicense", "Zlib",
}  # fmt: skip


def accepted(expression: str) -> bool:
    """Whether an SPDX expression can be met with accepted licences; `/` is the old way to write OR."""
    tokens = re.findall(r"\(|\)|[^\s()/]+(?: WITH [^\s()/]+)?|/", expression)
    words = {"(": "(", ")": ")", "AND": "and", "OR": "or", "/": "or"}
    return eval(" ".join(words.get(token, str(token in ACCEPTED)) for token in tokens))  # only the words above


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def main() -> None:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"]
    packages = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)["packages"]
    ours = next(package["rust_version"] for package in packages if package["name"] == "snr-bench")
    problems = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        if not licence or not accepted(licence):
            problems.append(f"{name}: licence {licence or 'not given'} is not among those accepted here")
        if package["rust_version"] and version(package["rust_version"]) > version(ours):
            problems.append(f"{name} needs Rust {package['rust_version']}, Cargo.toml declares {ours}")
    print("\n".join(problems) or f"{len(packages)} packages: licences accepted, none needs a Rust newer than {ours}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
