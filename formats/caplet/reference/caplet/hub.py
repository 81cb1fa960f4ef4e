"""Models of transformers made of Caplet's files, in one call."""

import os
import tempfile

from caplet_reader import CapletError, CapletFile

from .library import location

MAGIC_OFFSET, MAGIC = 16, b"CAPLET"
UNSUPPORTED = 69


def load_state_dict(path):
    """Every tensor by its name in the checkpoint, as NumPy arrays: float32, or the integers that are stored.

    A .caplet file is read by Python alone where there is no library: codes of an entropy coder take it hours then, a million of them a minute."""
    return opened(path).state_dict()


def load_tokenizer(path, **options):
    """The tokenizer that travels with a model, by transformers' AutoTokenizer, which gets the options."""
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as folder:
        unpack(opened(path), path, folder)
        return AutoTokenizer.from_pretrained(folder, **options)


def load_model(path, model_class=None, **options):
    """A model of transformers, in evaluation mode: with the configuration that travels with it, and every weight made dense.

    model_class: by default the one that config.json names under "architectures". Options go to its from_pretrained; dtype is float32 where
    they do not say it.

    Raises CapletError where the model would have weights that the file does not have under transformers' names."""
    import torch
    import transformers

    file = opened(path)
    with tempfile.TemporaryDirectory() as folder:
        unpack(file, path, folder)
        config = transformers.AutoConfig.from_pretrained(folder)
    weights = {name: torch.from_numpy(values) for name, values in file.state_dict().items()}
    options = {"dtype": torch.float32, **options}
    if model_class is not None:
        return model_class.from_pretrained(None, config=config, state_dict=weights, **options).eval()
    kind = named_class(transformers, config, path)
    model, found = kind.from_pretrained(None, config=config, state_dict=weights, **{**options, "output_loading_info": True})
    if missing := sorted(found["missing_keys"]):
        raise CapletError(f"{path}: has no '{missing[0]}', one of {len(missing)} weights of {kind.__name__}; `caplet convert --to safetensors` "
                          "makes a folder for transformers", UNSUPPORTED)
    return model.eval()


def named_class(transformers, config, path):
    """The class that a configuration names: one of transformers' models, and nothing else of that name."""
    for name in config.architectures or []:
        kind = getattr(transformers, name, None)
        if isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel):
            return kind
    raise CapletError(f"{path}: config.json names no model that transformers has; give model_class", UNSUPPORTED)


class Packed(CapletFile):
    """A .caplet file, with the members of Model that this module needs."""

    def __init__(self, path):
        super().__init__(path)
        self._attachments = self.attachments()
        self.files = list(self._attachments)

    def file(self, name):
        return self._attachments[name]


def opened(path):
    path = os.fspath(path)
    if os.path.isfile(path) and not os.path.exists(location()):
        with open(path, "rb") as file:
            if file.read(MAGIC_OFFSET + len(MAGIC))[MAGIC_OFFSET:] == MAGIC:
                return Packed(path)
    from .models import Model

    return Model(path)


def unpack(file, path, folder):
    """Writes the files that travel with a model into a folder."""
    if "config.json" not in file.files:
        raise CapletError(f"{path}: has no config.json, which transformers needs", UNSUPPORTED)
    for name in file.files:
        parts = name.split("/")
        if len(parts) > 2 or "\0" in name or any(part in ("", ".", "..") for part in parts):
            raise CapletError(f"{path}: attachment {name!r} has no plain name")
        if len(parts) == 2:
            os.makedirs(os.path.join(folder, parts[0]), exist_ok=True)
        with open(os.path.join(folder, name), "xb") as target:
            target.write(file.file(name))
