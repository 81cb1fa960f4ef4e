#!/usr/bin/env python3
"""mmproj files of small random models in llama.cpp's own libmtmd, beside what transformers' projectors make of the same picture.

    mmproj_in_llama_cpp.py CAPLET [NAME ...] [--class-first] [--build FOLDER]

Builds libmtmd's towers from the source package of llama-cpp-python against the libraries that are installed, once (a minute on two cores; a C++
compiler is needed), and prints a row for each model of make_vision.py that has a tower: the largest difference, and that of all, relative to the
largest feature and to the norm of all. `--class-first` puts CLIP's class token before the patches in llama.cpp's graph, as its positions are.
Llama 4's tokens are compared row by row, which libmtmd puts out column by column.
"""

import argparse
import concurrent.futures
import pathlib
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np

import llama_cpp_source

ROOT = pathlib.Path(__file__).resolve().parents[1]
WANTED = ("tools/mtmd/clip.cpp", "tools/mtmd/", "include/", "ggml/include/", "ggml/src/", "vendor/")
INCLUDED = ("tools/mtmd", "tools/mtmd/models", "include", "ggml/include", "ggml/src", "vendor")
LAST = "ggml_concat(ctx0, inp, model.class_embedding, 1)"
FIRST = "ggml_concat(ctx0, ggml_reshape_2d(ctx0, model.class_embedding, n_embd, 1), ggml_reshape_2d(ctx0, inp, n_embd, n_patches), 1)"


def program(folder, class_first):
    """The path of mmproj_features, built in `folder` when it is not there."""
    made = folder / ("class-first" if class_first else "as-it-is") / "mmproj_features"
    if made.exists():
        return made
    if llama_cpp.__version__ != llama_cpp_source.VERSION:
        sys.exit(f"llama-cpp-python {llama_cpp.__version__} is installed, and the sources are of {llama_cpp_source.VERSION}")
    source = folder / "source"
    if not (source / WANTED[0]).exists():
        llama_cpp_source.unpack(llama_cpp_source.package(), source, WANTED)
    made.parent.mkdir(parents=True, exist_ok=True)
    files = [source / WANTED[0], *sorted((source / "tools/mtmd/models").glob("*.cpp")), ROOT / "Benchmarks/mmproj_features.cpp"]
    if class_first:
        changed = (source / "tools/mtmd/models/llava.cpp").read_text().replace(LAST, FIRST)
        assert FIRST in changed
        (made.parent / "llava.cpp").write_text(changed)
        files = [made.parent / "llava.cpp" if file.name == "llava.cpp" else file for file in files]
    common = ["c++", "-std=c++17", "-O1", "-w", *(f"-I{source / name}" for name in INCLUDED)]

    def compiled(file):
        output = made.parent / f"{file.stem}.o"
        subprocess.run([*common, "-c", file, "-o", output], check=True)
        return output

    with concurrent.futures.ThreadPoolExecutor() as pool:
        objects = list(pool.map(compiled, files))
    libraries = pathlib.Path(llama_cpp.__file__).parent / "lib"
    linked = [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lllama", "-lggml", "-lggml-base", "-lggml-cpu", "-lpthread"]
    subprocess.run(["c++", *objects, "-o", made, *linked], check=True)
    return made


def row_by_row(found, picture, patch, merge):
    rows, columns = picture.shape[1] // patch // merge, picture.shape[2] // patch // merge
    return found.reshape(columns, rows, -1).transpose(1, 0, 2).reshape(len(found), -1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("caplet", type=pathlib.Path)
    parser.add_argument("--class-first", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / ".build/libmtmd")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "Tests/Environment"))
    import make_vision

    tool, names = program(options.build.resolve(), options.class_first), options.names or list(make_vision.PICTURES)
    print("| model | largest difference | of all |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        make_vision.main(folder, str(ROOT / "Tests/Fixtures/tokenizers"), names)
        for name in names:
            base, file = f"{folder}/{name}", f"{folder}/{name}-mmproj.gguf"
            subprocess.run([options.caplet.resolve(), "convert", base, "-o", f"{base}.gguf", "--mmproj", file, "-q"], check=True,
                           stdout=subprocess.DEVNULL)
            picture, expected = np.load(f"{base}.picture.npy"), np.load(f"{base}.features.npy")
            picture.tofile(f"{base}.raw")
            sides = [str(side) for side in picture.shape[1:]]
            subprocess.run([tool, file, f"{base}.raw", *sides, f"{base}.out"], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            found = np.fromfile(f"{base}.out", dtype=np.float32).reshape(expected.shape)
            if name == "llama4":
                found = row_by_row(found, picture, make_vision.TOWER["patch_size"], 2)
            difference = found - expected
            largest = np.abs(difference).max() / np.abs(expected).max()
            print(f"| {name} | {largest:.1e} | {np.linalg.norm(difference) / np.linalg.norm(expected):.1e} |")


if __name__ == "__main__":
    main()
