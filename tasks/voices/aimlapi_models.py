"""The speech models of AI/ML API, as rows of data: what each takes, and what its voices are called.

From the models' own pages; limits, Deepgram's valid pairs and Hume's voices from the vendors' specifications.
"""

from dataclasses import dataclass

_AURA_2_EN = [
    "amalthea",
    "andromeda",
    "apollo",
    "arcas",
    "aries",
    "asteria",
    "athena",
    "atlas",
    "aurora",
    "callista",
    "cora",
    "cordelia",
    "delia",
    "draco",
    "electra",
    "harmonia",
    "helena",
    "hera",
    "hermes",
    "hyperion",
    "iris",
    "janus",
    "juno",
    "jupiter",
    "luna",
    "mars",
    "minerva",
    "neptune",
    "odysseus",
    "ophelia",
    "orion",
    "orpheus",
    "pandora",
    "phoebe",
    "pluto",
    "saturn",
    "selene",
    "thalia",
    "theia",
    "vesta",
    "zeus",
]
_AURA_2_ES = ["celeste", "estrella", "nestor"]
_AURA_EN = [
    "angus",
    "arcas",
    "asteria",
    "athena",
    "helios",
    "hera",
    "luna",
    "orion",
    "orpheus",
    "perseus",
    "stella",
    "zeus",
]
_OPENAI = ("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse")
_OCTAVE = (
    "Vince Douglas",
    "Male English Actor",
    "Ava Song",
    "Campfire Narrator",
    "TikTok Fashion Influencer",
    "Colton Rivers",
    "Literature Professor",
    "Booming American Narrator",
    "Imani Carter",
    "Terrence Bentley",
    "Nature Documentary Narrator",
    "Alice Bennett",
    "Sitcom Girl",
    "Unserious Movie Trailer Narrator",
    "Articulate ASMR British Narrator",
    "Big Dicky",
    "English Children's Book Narrator",
    "Sebastian Lockwood",
    "Donovan Sinclair",
    "Booming British Narrator",
    "Relaxing ASMR Woman",
    "Lady Elizabeth",
    "Male Protagonist",
    "Tough Guy",
    "French Chef",
    "Spanish Instructor",
    "Charming Cowgirl",
)
_OCTAVE_LANGUAGES = "ar en fr de hi it ja ko pt ru es"
_MANY_LANGUAGES = "many"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model: `name` as it is sent, `limit` in characters a request, `shape` names the options of its page.

    `voices` are those it can be asked for in `voice_field`; without any, the model is the voice. The first is the one
    taken where a profile names none.
    """

    name: str
    shape: str
    limit: int
    languages: str
    voices: tuple[str, ...] = ()
    text_field: str = "text"
    voice_field: str = "voice"


# Deepgram bills and limits by the request; over 2,000 characters it answers 413.
_DEEPGRAM_LIMIT = 2_000
_OPENAI_LIMIT = 4_096
# The page allows octave-2 a hundred times as much; Hume's own limit is lower.
_HUME_LIMIT = 5_000


def _deepgram(family: str, names: list[str], language: str) -> list[ModelRow]:
    return [ModelRow(f"#g1_{family}-{name}-{language}", "deepgram", _DEEPGRAM_LIMIT, language) for name in names]


MODELS = {
    row.name: row
    for row in [
        *_deepgram("aura-2", _AURA_2_EN, "en"),
        *_deepgram("aura-2", _AURA_2_ES, "es"),
        # The one that the page's schema lists without its mark, too.
        ModelRow("aura-2-amalthea-en", "deepgram", _DEEPGRAM_LIMIT, "en"),
        ModelRow(
            "deepgram/aura-2",
            "deepgram",
            _DEEPGRAM_LIMIT,
            "en es",
            tuple(f"{name}-en" for name in _AURA_2_EN) + tuple(f"{name}-es" for name in _AURA_2_ES),
        ),
        *_deepgram("aura", _AURA_EN, "en"),
        ModelRow("deepgram/aura", "deepgram", _DEEPGRAM_LIMIT, "en", tuple(f"{name}-en" for name in _AURA_EN)),
        ModelRow("openai/tts-1", "openai", _OPENAI_LIMIT, _MANY_LANGUAGES, _OPENAI),
        ModelRow("openai/tts-1-hd", "openai", _OPENAI_LIMIT, _MANY_LANGUAGES, _OPENAI),
        ModelRow("openai/gpt-4o-mini-tts", "openai-instructed", _OPENAI_LIMIT, _MANY_LANGUAGES, _OPENAI),
        ModelRow("hume/octave-2", "hume", _HUME_LIMIT, _OCTAVE_LANGUAGES, _OCTAVE),
        # Its page shows two of its voices and says that there are others: any name is sent as it is written.
        ModelRow("inworld/tts-1", "inworld", _HUME_LIMIT, _MANY_LANGUAGES, ("Alex", "Deborah")),
    ]
}

# Deepgram: which rates (Hz, as it wants them: in quotes) and containers an encoding may have; the first container is its
# own choice. Where there is but one rate or container, it is not sent.
RATES = {
    "linear16": ("8000", "16000", "24000", "32000", "48000"),
    "mulaw": ("8000", "16000"),
    "alaw": ("8000", "16000"),
    "mp3": ("22050",),
    "opus": ("48000",),
    "flac": ("8000", "16000", "22050", "32000", "48000"),
    "aac": ("22050",),
}
CONTAINERS = {
    "linear16": ("wav", "none"),
    "mulaw": ("wav", "none"),
    "alaw": ("wav", "none"),
    "opus": ("ogg",),
}
DEFAULT_RATES = {"linear16": 24_000, "mulaw": 8_000, "alaw": 8_000}
