"""nltk's Punkt, without the rest of nltk.

nltk's packages import all that they hold, numpy with it, when one module of theirs is asked for: 0.45 s where Punkt and what
it needs take 0.10 s, and every command that reads a book pays that before it begins.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType


def _punkt() -> ModuleType:
    """Import the module with its two packages left empty; nobody else finds those empty, or anything that grew in them."""
    if "nltk" in sys.modules:
        return import_module("nltk.tokenize.punkt")
    try:
        for package in ("nltk", "nltk.tokenize"):
            spec = find_spec(package)
            if spec is None:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)
            sys.modules[package] = module_from_spec(spec)
        return import_module("nltk.tokenize.punkt")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "nltk"]:
            del sys.modules[name]


_module = _punkt()
PunktLanguageVars = _module.PunktLanguageVars
PunktParameters = _module.PunktParameters
PunktSentenceTokenizer = _module.PunktSentenceTokenizer
