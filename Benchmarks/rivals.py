#!/usr/bin/env python3
"""Other converters, each in a process of its own: prints the seconds of its work, fsync of the output included, imports not.

    rivals.py gguf-py MODEL.safetensors OUT.gguf F16|BF16|Q8_0
    rivals.py convert-hf MODEL_FOLDER OUT.gguf f16|bf16|q8_0
    rivals.py gguf-py-back MODEL.gguf OUT.safetensors
    rivals.py llama-quantize MODEL.gguf OUT.gguf Q8_0|Q2_K|Q3_K|Q4_K|Q5_K|Q6_K THREADS
    rivals.py llama-mixture MODEL.gguf OUT.gguf Q4_K_M|IQ3_XS|… THREADS [IMATRIX.gguf]
    rivals.py zipnn MODEL.safetensors OUT THREADS
    rivals.py zipnn-back PACKED OUT.safetensors THREADS
"""

import ctypes
import sys
import time

import measure


def gguf_py(source, target, name):
    """What convert_hf_to_gguf.py does with each tensor: to float32, quants.quantize, GGUFWriter. Names are left as they are."""
    import json

    import ml_dtypes
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter, quants

    start = time.perf_counter()
    data = np.memmap(source, np.uint8, "r")
    length = int(data[:8].view("<u8")[0])
    header = json.loads(bytes(data[8:8 + length]))
    header.pop("__metadata__", None)
    writer = GGUFWriter(target, "llama")
    for tensor, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = data[begin:end].view(ml_dtypes.bfloat16).reshape(entry["shape"]).astype(np.float32)
        kind = GGMLQuantizationType[name] if values.ndim > 1 else GGMLQuantizationType.F32
        writer.add_tensor(tensor, quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return start


def convert_hf(source, target, name):
    """llama.cpp's convert_hf_to_gguf.py as it is, its imports done before the clock starts."""
    import runpy

    import llama_cpp_source

    script = llama_cpp_source.converter()
    sys.path[:0] = [str(script.parent), str(script.parent / "gguf-py")]
    __import__("conversion.llama")
    sys.argv = [str(script), source, "--outfile", target, "--outtype", name]
    start = time.perf_counter()
    runpy.run_path(str(script), run_name="__main__")
    return start


def gguf_py_back(source, target):
    """GGUFReader, quants.dequantize, bfloat16 of ml_dtypes, written tensor after tensor."""
    import json

    import ml_dtypes
    import numpy as np
    from gguf import GGUFReader, quants

    start = time.perf_counter()
    tensors = GGUFReader(source).tensors
    header, offset = {}, 0
    for tensor in tensors:
        end = offset + 2 * int(tensor.n_elements)
        header[tensor.name] = {"dtype": "BF16", "shape": [int(n) for n in reversed(tensor.shape)], "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with open(target, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors:
            values = quants.dequantize(tensor.data, tensor.tensor_type).astype(ml_dtypes.bfloat16)
            file.write(values.view(np.uint16).tobytes())
    return start


# llama.cpp's numbers of files in which most matrices have a type; with `pure` all of them have it.
LLAMA_FILE_TYPES = {"Q8_0": 7, "Q2_K": 10, "Q3_K": 12, "Q4_K": 15, "Q5_K": 17, "Q6_K": 18}
# Its mixtures, as llama-quantize calls them.
LLAMA_MIXTURES = {
    "IQ2_XXS": 19, "IQ2_XS": 20, "IQ2_S": 28, "IQ2_M": 29, "Q2_K": 10, "Q2_K_S": 21, "IQ3_XXS": 23, "IQ3_XS": 22, "IQ3_S": 26, "IQ3_M": 27,
    "Q3_K_S": 11, "Q3_K_M": 12, "Q3_K_L": 13, "IQ4_XS": 30, "IQ4_NL": 25, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18,
}


def llama_quantize(source, target, name, threads):
    """llama.cpp's own, every matrix in the type asked for."""
    from gguf import GGMLQuantizationType

    llama = quiet_llama()
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype, parameters.nthread, parameters.pure = LLAMA_FILE_TYPES[name], int(threads), True
    parameters.output_tensor_type = parameters.token_embedding_type = int(GGMLQuantizationType[name])
    start = time.perf_counter()
    if llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(parameters)) != 0:
        sys.exit(f"{source}: llama.cpp cannot quantize this model")
    return start


def llama_mixture(source, target, name, threads, imatrix=None):
    """What llama-quantize makes: its mixture of types, with an importance matrix if there is one."""
    llama = quiet_llama()
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype, parameters.nthread = LLAMA_MIXTURES[name], int(threads)
    if imatrix:
        entries = importance(imatrix)
        parameters.imatrix = ctypes.cast(entries, type(parameters.imatrix))
    start = time.perf_counter()
    if llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(parameters)) != 0:
        sys.exit(f"{source}: llama.cpp cannot quantize this model")
    return start


def quiet_llama():
    import llama_cpp as llama

    global llama_log  # kept: the library calls it
    llama_log = llama.llama_log_callback(lambda *_: None)
    llama.llama_log_set(llama_log, ctypes.c_void_p(0))
    llama.llama_backend_init()
    return llama


class ImportanceEntry(ctypes.Structure):
    """`llama_model_imatrix_data`; an entry without a name ends the list."""

    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.POINTER(ctypes.c_float)), ("size", ctypes.c_size_t)]


def importance(path):
    """A GGUF file of an importance matrix, as llama_model_quantize wants it."""
    import numpy as np
    from gguf import GGUFReader

    tensors = {tensor.name: np.array(tensor.data, dtype=np.float32) for tensor in GGUFReader(path).tensors}
    means = {}
    for name, sums in tensors.items():
        if name.endswith(".in_sum2"):
            counts = tensors[name.removesuffix(".in_sum2") + ".counts"].reshape(-1, 1)
            means[name.removesuffix(".in_sum2")] = (sums.reshape(len(counts), -1) / np.maximum(counts, 1)).reshape(-1)
    entries = (ImportanceEntry * (len(means) + 1))()
    entries.kept = list(means.values())
    for entry, (name, values) in zip(entries, means.items()):
        entry.name, entry.size = name.encode(), values.size
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    return entries


def zipnn(source, target, threads):
    """ZipNN as its own scripts use it: tensor after tensor, on torch's; the header goes before them as it is."""
    import safetensors
    import torch  # noqa: F401  (its import is no work)
    from zipnn import ZipNN

    with safetensors.safe_open(source, "pt") as model, open(source, "rb") as file:
        start = time.perf_counter()
        length = int.from_bytes(file.read(8), "little")
        packer = ZipNN(input_format="torch", threads=int(threads))
        with open(target, "wb") as out:
            out.write(length.to_bytes(8, "little") + file.read(length))
            for name in stored_order(source):
                packed = packer.compress(model.get_tensor(name))
                out.write(len(packed).to_bytes(8, "little"))
                out.write(packed)
    return start


def zipnn_back(source, target, threads):
    import torch
    from zipnn import ZipNN

    start = time.perf_counter()
    unpacker = ZipNN(input_format="torch", threads=int(threads))
    with open(source, "rb") as file, open(target, "wb") as out:
        length = file.read(8)
        out.write(length + file.read(int.from_bytes(length, "little")))
        while size := file.read(8):
            tensor = unpacker.decompress(file.read(int.from_bytes(size, "little")))
            out.write(tensor.contiguous().view(torch.uint8).numpy().data)
    return start


def stored_order(path):
    """Names of a safetensors file's tensors as their bytes lie."""
    import json

    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    return sorted(header, key=lambda name: header[name]["data_offsets"])


def main():
    sides = {
        "convert-hf": convert_hf, "gguf-py": gguf_py, "gguf-py-back": gguf_py_back, "llama-quantize": llama_quantize,
        "llama-mixture": llama_mixture, "zipnn": zipnn,
        "zipnn-back": zipnn_back,
    }
    target = sys.argv[3]
    start = sides[sys.argv[1]](*sys.argv[2:])
    measure.sync(target)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
