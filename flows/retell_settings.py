"""A profile where a language model retells a book. Nothing of Prefect is here."""

from tasks.errors import ProfileError
from tasks.settings import Profile
from tasks.tellers.teller import check_teller

# How many words Auralis speaks at once, where a profile does not say: its own default, which decides the sound.
_WORDS_AT_ONCE = 100


def retelling_settings(profile: Profile) -> Profile:
    """Say for a profile what is settled where a model tells: which words Auralis speaks at once, or that sentences go one by one."""
    if profile.retell.text == "openai":
        return profile.model_copy(update={"text": profile.text.model_copy(update={"unit": "sentence"})})
    if profile.voice.provider != "auralis":
        return profile
    options = {"vocalize_at_every_n_words": _WORDS_AT_ONCE, **profile.voice.options}
    return profile.model_copy(update={"voice": profile.voice.model_copy(update={"options": options})})


def check_retelling(settings: Profile, instruction: str) -> None:
    """Raise `ProfileError` where it is not said how a book is to be retold, by whom, or what a budget has to reckon with."""
    if not instruction.strip():
        raise ProfileError(
            '--instruction: it is empty; say how the book is to be retold, such as "Abridge it to a tenth"'
        )
    check_teller(settings.retell, settings.voice)
    if settings.limits.budget_usd and settings.retell.price_per_1000_characters is None:
        raise ProfileError("[limits] budget_usd: what [retell] costs is not known; set its price_per_1000_characters")
