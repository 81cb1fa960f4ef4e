"""llama.cpp's own converter, which is in no wheel: the scripts that come with the source package of llama-cpp-python, fetched from PyPI once.

    llama_cpp_source.py [FOLDER]      by default .build/llama.cpp; prints where convert_hf_to_gguf.py is
"""

import hashlib
import io
import os
import pathlib
import re
import sys
import tarfile
import urllib.parse
import urllib.request

VERSION = "0.3.36"
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
WANTED = ("convert_hf_to_gguf.py", "conversion/", "gguf-py/gguf/")
FOLDER = pathlib.Path(__file__).resolve().parents[1] / ".build/llama.cpp"


def converter(folder=FOLDER):
    """The path of convert_hf_to_gguf.py in `folder`, fetched when it is not there."""
    script = folder / "convert_hf_to_gguf.py"
    if not script.exists():
        unpack(package(), folder)
    return script


def package():
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/llama-cpp-python/"
    with urllib.request.urlopen(index) as answer:
        links = re.findall(r'href="([^"#]+)', answer.read().decode())
    address = urllib.parse.urljoin(index, next(link for link in links if link.endswith(f"-{VERSION}.tar.gz")))
    with urllib.request.urlopen(address) as answer:
        data = answer.read()
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"{address}: is not the package of {VERSION} that was looked at")
    return data


def unpack(data, folder, wanted=WANTED):
    """Regular files of what is wanted, under the folder and nowhere else; the first last, so that it is there when all is."""
    prefix = f"llama_cpp_python-{VERSION}/vendor/llama.cpp/"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [entry for entry in archive if entry.isfile() and entry.name.startswith(prefix)]
        named = {entry.name[len(prefix):]: entry for entry in members}
        for name in sorted((name for name in named if name.startswith(wanted)), key=lambda name: name == wanted[0]):
            target = folder / name
            if ".." in target.parts:
                sys.exit(f"{name}: leaves the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile(named[name]).read())


if __name__ == "__main__":
    print(converter(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
