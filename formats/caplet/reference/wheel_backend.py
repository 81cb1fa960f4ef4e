"""Builds the wheel of the package, with nothing but Python: `pip wheel formats/caplet/reference`, or pip install.

The shared library that the environment variable CAPLET_LIBRARY names goes into the wheel, which is then one of this platform; without
it the wheel is one of any, reads .caplet files, and looks for the library when it is asked for more. Equal files make an equal wheel.
"""

import base64
import hashlib
import os
import sysconfig
import tomllib
import zipfile

FOLDER = os.path.dirname(os.path.abspath(__file__))
MODULES = ["caplet_reader.py"]
PACKAGE = "caplet"
LIBRARY = "libcaplet-c.so"


def project():
    with open(os.path.join(FOLDER, "pyproject.toml"), "rb") as file:
        return tomllib.load(file)["project"]


def metadata(project):
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}", f"Summary: {project['description']}",
             f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {name}" for name in project["dependencies"]]
    for extra, names in project["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}"] + [f"Requires-Dist: {name}; extra == '{extra}'" for name in names]
    return "\n".join(lines) + "\n"


def contents(library):
    """The files of the wheel, by their names in it."""
    files = {}
    for name in MODULES + sorted(os.path.join(PACKAGE, name) for name in os.listdir(os.path.join(FOLDER, PACKAGE)) if name.endswith(".py")):
        with open(os.path.join(FOLDER, name), "rb") as file:
            files[name] = file.read()
    if library:
        with open(library, "rb") as file:
            files[f"{PACKAGE}/{LIBRARY}"] = file.read()
    return files


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Called by pip: writes the wheel, and returns its name."""
    library = os.environ.get("CAPLET_LIBRARY")
    about = project()
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_") if library else "any"
    tag = f"py3-none-{platform}"
    info = f"{about['name']}-{about['version']}.dist-info"
    files = contents(library)
    license = os.path.join(FOLDER, "..", "..", "..", "LICENSE")
    if os.path.exists(license):
        with open(license, "rb") as file:
            files[f"{info}/LICENSE"] = file.read()
    files[f"{info}/METADATA"] = metadata(about).encode()
    files[f"{info}/WHEEL"] = (f"Wheel-Version: 1.0\nGenerator: {about['name']}\nRoot-Is-Purelib: {'false' if library else 'true'}\n"
                              f"Tag: {tag}\n").encode()
    record = "".join(f"{name},sha256={digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = f"{about['name']}-{about['version']}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if name.endswith(".so") else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return wheel


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
