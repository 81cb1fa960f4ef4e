#!/usr/bin/env python3
"""What people would compute with instead, each in a process of its own: prints the seconds of its work, and figures, as JSON.

    numeric_rivals.py SUBJECT INPUT THREADS [name=value …]

Subjects: rpca and svt (numpy, LAPACK's gesdd), forward (torch, transformers), llama (llama.cpp), wanda and sparsegpt (torch). Thread
counts are set before a library is loaded. Loading models and files is not timed, as on the other side.
"""

import json
import math
import os
import sys
import time

CORES = os.cpu_count()


def matrices(path):
    from safetensors.numpy import load_file
    return [value for _, value in sorted(load_file(path).items())]


def thresholded(a, tau):
    """argmin τ‖L‖* + ½‖L − A‖², and ‖L‖*."""
    import numpy as np
    u, sigma, vt = np.linalg.svd(a, full_matrices=False)
    sigma = np.maximum(sigma - np.float32(tau), 0)
    rank = int(np.count_nonzero(sigma))
    return (u[:, :rank] * sigma[:rank]) @ vt[:rank], float(sigma.sum())


def robust_pca(w, steps):
    """min ‖L‖* + λ‖S‖₁ with L + S = W by ADMM, λ = 1/√max(m, n), μ = mn/(4‖W‖₁); the objective after some steps."""
    import numpy as np
    weight, mu = 1 / math.sqrt(max(w.shape)), w.size / (4 * float(np.abs(w).sum(dtype=np.float64)))
    s, y = np.zeros_like(w), np.zeros_like(w)
    for _ in range(steps):
        l, nuclear = thresholded(w - s + y / np.float32(mu), 1 / mu)
        rest = w - l + y / np.float32(mu)
        s = np.sign(rest) * np.maximum(np.abs(rest) - np.float32(weight / mu), 0)
        y += np.float32(mu) * (w - l - s)
    return nuclear + weight * float(np.abs(s).sum(dtype=np.float64))


def rpca(path, steps):
    inputs = matrices(path)
    start = time.perf_counter()
    objectives = [robust_pca(w, int(steps)) for w in inputs]
    return {"seconds": time.perf_counter() - start, "objective": sum(objectives) / len(objectives)}


def svt(path, threshold, output=None):
    (a,) = matrices(path)
    start = time.perf_counter()
    result, _ = thresholded(a, float(threshold))
    seconds = time.perf_counter() - start
    if output:
        result.tofile(output)
    return {"seconds": seconds}


def token_ids(path, context):
    import numpy as np
    return np.fromfile(path, np.int32).reshape(-1, int(context))


def forward(path, tokens, context, batch="8"):
    """The mean loss of all but the first tokens, some sequences at a time, in float32."""
    import torch
    from transformers import AutoModelForCausalLM
    torch.set_num_threads(THREADS)
    model = AutoModelForCausalLM.from_pretrained(path, torch_dtype=torch.float32)
    ids = torch.from_numpy(token_ids(tokens, context)).long()
    total = 0.0
    with torch.inference_mode():
        start = time.perf_counter()
        for part in ids.split(int(batch)):
            logits = model(part, use_cache=False).logits[:, :-1]
            total += torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), part[:, 1:].reshape(-1), reduction="sum").item()
    return {"seconds": time.perf_counter() - start, "loss": total / ids[:, 1:].numel()}


def llama(path, tokens, context):
    """llama.cpp's decode of each sequence with the logits of every position; what is made of the logits is not timed."""
    import ctypes

    import llama_cpp
    import numpy as np
    quiet = llama_cpp.llama_log_callback(lambda *_: None)  # kept: the library calls it
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    ids, context = token_ids(tokens, context), int(context)
    model = llama_cpp.Llama(
        path, n_ctx=context, n_batch=context, n_ubatch=context, n_threads=THREADS, n_threads_batch=THREADS, logits_all=True, verbose=False)
    width, seconds, total = model.n_vocab(), 0.0, 0.0
    for sequence in ids:
        model.reset()
        batch = llama_cpp.llama_batch_init(context, 0, 1)
        batch.n_tokens = context
        for position, token in enumerate(sequence):
            batch.token[position], batch.pos[position], batch.n_seq_id[position] = int(token), position, 1
            batch.seq_id[position][0], batch.logits[position] = 0, 1
        start = time.perf_counter()
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(model.ctx), True)
        status = llama_cpp.llama_decode(model.ctx, batch)
        seconds += time.perf_counter() - start
        if status:
            sys.exit(f"{path}: llama_decode gives {status}")
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits(model.ctx), (context, width))[:-1].astype(np.float64)
        largest = logits.max(1)
        logs = largest + np.log(np.exp(logits - largest[:, None]).sum(1))
        total += float((logs - logits[np.arange(context - 1), sequence[1:]]).sum())
        llama_cpp.llama_batch_free(batch)
    return {"seconds": seconds, "loss": total / ids[:, 1:].size}


def layer(path):
    import torch
    from safetensors.torch import load_file
    torch.set_num_threads(THREADS)
    tensors = load_file(path)
    return tensors["weight"].float(), tensors["inputs"].float()


def output_error(weight, pruned, inputs):
    """Σ‖x (W' − W)ᵀ‖² / Σ‖x Wᵀ‖²; for the check, not timed."""
    return float((inputs @ (pruned - weight).T).square().sum(dtype=float_64()) / (inputs @ weight.T).square().sum(dtype=float_64()))


def float_64():
    import torch
    return torch.float64


def wanda(path, sequence="2048"):
    """Norms of the inputs gathered sequence by sequence, then half of each row by |W|·‖X‖, as the paper's code goes about it."""
    import torch
    weight, inputs = layer(path)
    pruned = weight.clone()
    with torch.no_grad():
        start = time.perf_counter()
        power, seen = torch.zeros(weight.shape[1]), 0
        for part in inputs.split(int(sequence)):
            power *= seen / (seen + 1)
            seen += 1
            power += torch.norm(part.t(), p=2, dim=1) ** 2 / seen
        score = pruned.abs() * power.sqrt().reshape(1, -1)
        order = torch.sort(score, dim=-1, stable=True).indices
        mask = torch.zeros_like(score, dtype=torch.bool).scatter_(1, order[:, : weight.shape[1] // 2], True)
        pruned[mask] = 0
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "error": output_error(weight, pruned, inputs)}


def sparsegpt(path, sequence="2048", block=128, damping=0.01):
    """H summed sequence by sequence; then columns from left to right, each error fed forward through the Cholesky factor of H⁻¹."""
    import torch
    weight, inputs = layer(path)
    w = weight.clone()
    columns = w.shape[1]
    with torch.no_grad():
        start = time.perf_counter()
        hessian, seen = torch.zeros(columns, columns), 0
        for part in inputs.split(int(sequence)):
            hessian *= seen / (seen + 1)
            seen += 1
            scaled = math.sqrt(2 / seen) * part.t()
            hessian += scaled @ scaled.t()
        dead = hessian.diagonal() == 0
        hessian[dead, dead] = 1
        w[:, dead] = 0
        hessian.diagonal().add_(damping * hessian.diagonal().mean())
        factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
        for first in range(0, columns, block):
            last = min(first + block, columns)
            part, local = w[:, first:last].clone(), factor[first:last, first:last]
            errors, kept = torch.zeros_like(part), torch.zeros_like(part)
            cost = part.square() / local.diagonal().reshape(1, -1).square()
            mask = cost <= cost.flatten().sort().values[cost.numel() // 2]
            for j in range(last - first):
                column = part[:, j].clone()
                column[mask[:, j]] = 0
                kept[:, j] = column
                errors[:, j] = (part[:, j] - column) / local[j, j]
                part[:, j:] -= errors[:, j : j + 1] @ local[j : j + 1, j:]
            w[:, first:last] = kept
            w[:, last:] -= errors @ factor[first:last, last:]
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "error": output_error(weight, w, inputs)}


if __name__ == "__main__":
    subject, source, THREADS = sys.argv[1], sys.argv[2], int(sys.argv[3])
    for variable in ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]:
        os.environ[variable] = str(THREADS)
    subjects = {"rpca": rpca, "svt": svt, "forward": forward, "llama": llama, "wanda": wanda, "sparsegpt": sparsegpt}
    print(json.dumps(subjects[subject](source, **dict(setting.split("=", 1) for setting in sys.argv[4:]))))
