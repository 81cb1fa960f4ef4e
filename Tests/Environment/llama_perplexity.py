#!/usr/bin/env python3
"""Perplexity of a GGUF model as `llama-perplexity -f TEXT -c N` computes it, or of rows of token ids.

    llama_perplexity.py MODEL.gguf TEXT [--context 256] [--chunks N] [--lora ADAPTER.gguf]
    llama_perplexity.py MODEL.gguf --tokens IDS.npy

With TEXT: the whole text is tokenised, special tokens added as the model says, and cut into windows of N tokens
that do not overlap; where the model adds BOS it replaces the first token of each window; positions N/2 ... N-2
predict the token after them. The standard error is that of the mean, carried through exp.
With --tokens ([rows, length] int32): tokens 1 ... length-1 of each row are scored, each given those before it.
Prints one JSON object.
"""

import argparse
import ctypes
import json
import math
import sys

import llama_cpp as llama
import numpy as np


@llama.llama_log_callback
def quiet(level, text, user_data):
    """Only errors (ggml level 4) reach stderr."""
    if level == 4:
        sys.stderr.write(text.decode("utf-8", "replace"))


class Scorer:
    """A model and a context that scores one window of tokens at a time."""

    def __init__(self, path, context, threads, adapter=None):
        llama.llama_log_set(quiet, ctypes.c_void_p(0))
        llama.llama_backend_init()
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        self.model = llama.llama_model_load_from_file(path.encode(), parameters)
        if not self.model:
            sys.exit(f"{path}: llama.cpp cannot load this model")
        settings = llama.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = context
        settings.n_seq_max = 1
        settings.n_threads = settings.n_threads_batch = threads
        self.context = llama.llama_init_from_model(self.model, settings)
        if not self.context:
            sys.exit(f"{path}: llama.cpp cannot make a context of {context} tokens")
        if adapter:
            self.attach(adapter)
        self.vocabulary = llama.llama_model_get_vocab(self.model)
        self.size = llama.llama_vocab_n_tokens(self.vocabulary)

    def attach(self, path):
        lora = llama.llama_adapter_lora_init(self.model, path.encode())
        if not lora:
            sys.exit(f"{path}: llama.cpp cannot load this adapter")
        if hasattr(llama, "llama_set_adapters_lora"):
            adapters = (llama.llama_adapter_lora_p_ctypes * 1)(lora)
            status = llama.llama_set_adapters_lora(self.context, adapters, 1, (ctypes.c_float * 1)(1.0))
        else:
            status = llama.llama_set_adapter_lora(self.context, lora, 1.0)
        if status != 0:
            sys.exit(f"{path}: llama.cpp cannot use this adapter")

    def tokenize(self, text):
        data = text.encode()
        ids = (llama.llama_token * (len(data) + 8))()
        count = llama.llama_tokenize(self.vocabulary, data, len(data), ids, len(ids), True, False)
        if count < 0:
            sys.exit(f"the text needs {-count} tokens, there is room for {len(ids)}")
        return list(ids[:count])

    def losses(self, ids, first):
        """Negative log-likelihoods of ids[first + 1:], each given all before it."""
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        batch = llama.llama_batch_init(len(ids), 0, 1)
        try:
            batch.n_tokens = len(ids)
            for i, token in enumerate(ids):
                batch.token[i], batch.pos[i] = int(token), i
                batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
                batch.logits[i] = i >= first
            if llama.llama_decode(self.context, batch) != 0:
                sys.exit("llama_decode failed")
            rows = len(ids) - first
            logits = np.ctypeslib.as_array(llama.llama_get_logits(self.context), shape=(rows, self.size))
            logits = logits[:-1].astype(np.float64)
        finally:
            llama.llama_batch_free(batch)
        top = logits.max(axis=1)
        normaliser = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
        return normaliser - logits[np.arange(rows - 1), np.asarray(ids[first + 1 :], dtype=np.int64)]


def text_losses(scorer, path, context, chunks):
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    text = text.removesuffix("\n")  # as llama.cpp's -f does, once
    ids = scorer.tokenize(text)
    windows = len(ids) // context
    if len(ids) < 2 * context:
        sys.exit(f"{path}: {len(ids)} tokens, at least {2 * context} are needed")
    if chunks:
        windows = min(windows, chunks)
    add_bos = llama.llama_vocab_get_add_bos(scorer.vocabulary)
    bos = llama.llama_vocab_bos(scorer.vocabulary)
    losses = []
    for i in range(windows):
        window = ids[i * context : (i + 1) * context]
        if add_bos:
            window[0] = bos
        losses.append(scorer.losses(window, context // 2))
    return np.concatenate(losses), {"text_tokens": len(ids), "context": context, "windows": windows}


def row_losses(scorer, rows):
    losses = [scorer.losses(list(row), 0) for row in rows]
    return np.concatenate(losses), {"rows": len(rows), "context": int(rows.shape[1])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text", nargs="?")
    parser.add_argument("--tokens", help=".npy file of int32 ids, [rows, length]")
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--chunks", type=int, default=0, help="score this many windows only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lora", help="GGUF adapter, applied with scale 1")
    options = parser.parse_args()
    if (options.text is None) == (options.tokens is None):
        parser.error("give either TEXT or --tokens")
    if options.tokens:
        rows = np.load(options.tokens)
        if rows.ndim != 2 or rows.shape[1] < 2:
            parser.error(f"{options.tokens}: [rows, length] expected, found {list(rows.shape)}")
        scorer = Scorer(options.model, rows.shape[1], options.threads, options.lora)
        losses, extra = row_losses(scorer, rows)
    else:
        scorer = Scorer(options.model, options.context, options.threads, options.lora)
        losses, extra = text_losses(scorer, options.text, options.context, options.chunks)
    mean = float(losses.mean())
    deviation = math.sqrt(max(float((losses**2).mean()) - mean * mean, 0) / max(len(losses) - 1, 1))
    result = {"perplexity": math.exp(mean), "standard_error": deviation * math.exp(mean), "mean_nll": mean}
    print(json.dumps({**result, "scored_tokens": len(losses), **extra}))


if __name__ == "__main__":
    main()
