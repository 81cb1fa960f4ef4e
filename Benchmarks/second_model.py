#!/usr/bin/env python3
"""A second trained model to measure on, of another shape than the bundled one: Qwen3's, trained here from random weights.

    second_model.py FOLDER [--teacher Examples/wren-7m] [--minutes 40] [--threads N] [--seed 0]

Its text is what the teacher writes, sampled at temperature 1, and a tenth of it the bundled calibration text; its loss is the divergence from the
teacher's predictions. So it needs no data that is not in the repository, and shares the teacher's tokenizer. Head norms, tied embeddings, heads
that together are wider than the hidden state, other widths and fewer blocks than the teacher has: nothing of Caplet's settings was chosen on it.
How far it gets depends on the minutes and the machine, so that its bytes are no one else's; `FOLDER/training.json` says what it was given.
"""

import argparse
import json
import math
import pathlib
import shutil
import time

import torch
import transformers
from torch.nn import functional

repository = pathlib.Path(__file__).resolve().parent.parent
CONTEXT, BATCH, SAMPLED = 256, 10, 192
# Each sequence that was sampled is seen so often.
EPOCHS = 6


def student(teacher):
    configuration = transformers.Qwen3Config(
        vocab_size=teacher.config.vocab_size, hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=6,
        num_key_value_heads=2, head_dim=64, max_position_embeddings=CONTEXT, rope_theta=10000.0, tie_word_embeddings=True,
        bos_token_id=teacher.config.bos_token_id, eos_token_id=teacher.config.eos_token_id)
    return transformers.Qwen3ForCausalLM(configuration)


@torch.no_grad()
def sampled(teacher, count):
    """Sequences [count, CONTEXT] that the teacher writes, each from the token that begins a text."""
    begin = torch.full((count, 1), teacher.config.bos_token_id)
    end = teacher.generation_config.eos_token_id
    return teacher.generate(
        begin, attention_mask=torch.ones_like(begin), do_sample=True, temperature=1.0, top_k=0, top_p=1.0, min_new_tokens=CONTEXT - 1,
        max_new_tokens=CONTEXT - 1, pad_token_id=end, suppress_tokens=[end])


def written(tokenizer, path):
    """Windows [count, CONTEXT] of a text."""
    tokens = torch.tensor(tokenizer(path.read_text(), add_special_tokens=False)["input_ids"])
    return tokens[: len(tokens) // CONTEXT * CONTEXT].view(-1, CONTEXT)


def divergence(logits, wanted):
    """Mean KL(wanted ‖ logits) over positions, in nats."""
    wanted = functional.log_softmax(wanted.float(), -1).flatten(0, 1)
    return functional.kl_div(functional.log_softmax(logits.float(), -1).flatten(0, 1), wanted, log_target=True, reduction="batchmean")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--teacher", type=pathlib.Path, default=repository / "Examples/wren-7m")
    parser.add_argument("--text", type=pathlib.Path, default=repository / "Examples/text/speeches-calibration.txt")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=2e-3)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    teacher = transformers.AutoModelForCausalLM.from_pretrained(options.teacher, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.teacher)
    texts, model = written(tokenizer, options.text), student(teacher)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0}], betas=(0.9, 0.95), fused=True)
    start, pool, step, tokens, last = time.monotonic(), torch.empty(0, CONTEXT, dtype=torch.long), 0, 0, math.inf
    own = BATCH - BATCH // 10
    while (done := (time.monotonic() - start) / (60 * options.minutes)) < 1:
        if step % (SAMPLED * EPOCHS // own) == 0:
            pool = torch.cat([pool, sampled(teacher, SAMPLED)])
        # Of what was sampled, the newest half is as likely as all before it.
        recent = len(pool) - 1 - (torch.rand(own) ** 2 * len(pool)).long()
        batch = torch.cat([pool[recent], texts[torch.randint(len(texts), (BATCH - own,))]])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            wanted = teacher(batch).logits
        # Up over the first hundredth of the time, down to nothing along a cosine.
        rate = options.rate * min(1, done / 0.01, 0.5 + 0.5 * math.cos(math.pi * done)) + 1e-6
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            loss = divergence(model(batch).logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, tokens, last = step + 1, tokens + batch.numel(), loss.item()
        if step % 100 == 0:
            print(f"step {step}: divergence {last:.4f}, {tokens:,} tokens, {100 * done:.1f} %", flush=True)
    options.folder.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(options.folder)
    for name in ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"]:
        if (options.teacher / name).exists():
            shutil.copyfile(options.teacher / name, options.folder / name)
    said = {"minutes": options.minutes, "steps": step, "tokens": tokens, "sampled_sequences": len(pool), "last_divergence": round(last, 4)}
    (options.folder / "training.json").write_text(json.dumps(said, indent=2) + "\n")
    print(json.dumps(said))


if __name__ == "__main__":
    main()
