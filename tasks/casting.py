"""Who speaks what: a profile's voices, described and ready to be built, by the roles that they are cast in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tasks.model import Chunk, Identity, Role
from tasks.settings import Profile
from tasks.voices import LimitSettings, OtherVoiceSettings, VoiceSettings, VoiceSpec, provider
from tasks.voices.limits import divided, lanes


@dataclass(frozen=True, slots=True)
class Part:
    """A voice of a profile, with the limits that it works under."""

    settings: VoiceSettings
    limits: LimitSettings
    spec: VoiceSpec
    identity: Identity

    @property
    def account(self) -> tuple[str, ...]:
        """What requests are counted against: voices of one account share its limits."""
        if not self.spec.refuses:
            return self.spec.name, self.identity.model
        return service_account(self.settings)

    @property
    def spoken_name(self) -> str:
        """The voice's name as it is said aloud; where it has none, its model's."""
        found = re.search(self.spec.name_in_model, self.identity.model) if self.spec.name_in_model else None
        name = self.settings.name or (found[1] if found else "") or self.listed_name
        return " ".join(word.capitalize() for word in re.split(r"[\s_-]+", name))

    @property
    def listed_name(self) -> str:
        """The voice's model and name as editions list them."""
        # What tells two models or recordings of one name apart is for the store, not for a listener.
        model = self.identity.model.partition(":")[0].partition(" at ")[0].removeprefix("#g1_")
        return f"{model} {self.settings.name}".strip()

    @property
    def most_lanes(self) -> int | None:
        """Among how many lanes its account's limits can be divided; None for a voice of this machine: any number."""
        return lanes(self.limits, self.spec.concurrency(self.limits)) if self.spec.refuses else None

    def divided(self, lanes: int, taken: int = 1) -> "Part":
        """Take some of so many equal lanes: a share of the account's limits, or of the processes that speak."""
        in_flight = self.spec.concurrency(self.limits) if self.spec.refuses else self.limits.concurrency
        return replace(self, limits=divided(self.limits, in_flight, lanes, taken))

    def usd(self, characters: int) -> float | None:
        """Reckon what so many characters cost; None where the price is not known."""
        price = self.settings.price_per_1000_characters
        return None if price is None else characters / 1000 * price


@dataclass(frozen=True, slots=True)
class Casting:
    """The voices of a book, a part for each role that is cast; all others are the narration's."""

    parts: Mapping[Role, Part]

    def part(self, chunk: Chunk) -> Part:
        """Who speaks a chunk."""
        return self.parts.get(chunk.role) or self.parts[Role.NARRATION]

    def divided(self, lanes: int, taken: int = 1) -> "Casting":
        """Take some of so many equal lanes of each voice."""
        return Casting({role: part.divided(lanes, taken) for role, part in self.parts.items()})

    @property
    def roles(self) -> frozenset[Role]:
        """The roles with a voice of their own."""
        return frozenset(self.parts) - {Role.NARRATION}

    @property
    def takes_phonemes(self) -> bool:
        """Whether every voice says phonemes that stand in its text."""
        return all(part.spec.takes_phonemes for part in self.parts.values())

    @property
    def narrator(self) -> str:
        """The names of the voices, with commas between them, as editions list them."""
        return ", ".join(dict.fromkeys(part.listed_name for part in self.parts.values()))

    @property
    def spoken_names(self) -> str:
        """The names of the voices as they are said aloud: `Joe, Thalia`."""
        return ", ".join(dict.fromkeys(part.spoken_name for part in self.parts.values()))

    @property
    def limit(self) -> int:
        """The most characters of one request that every voice takes; 0 is no limit."""
        limits = (part.spec.limit(part.settings) for part in self.parts.values())
        return min((limit for limit in limits if limit), default=0)


def castings_of(profile: Profile) -> tuple[Casting, ...]:
    """Describe a profile's voices: first its cast, then each fallback, which speaks all roles alone.

    Raises `ProfileError` for a voice that there is not.
    """
    parts = {Role.NARRATION: part_of(profile.voice, profile)}
    parts |= {Role(role): part_of(voice, profile) for role, voice in profile.cast if voice}
    return Casting(parts), *(Casting({Role.NARRATION: part_of(voice, profile)}) for voice in profile.fallback)


def part_of(settings: VoiceSettings, profile: Profile) -> Part:
    """Describe one of a profile's voices; raises `ProfileError` where there is no such voice."""
    own = settings.limits if isinstance(settings, OtherVoiceSettings) else None
    spec = provider(settings.provider)
    return Part(settings, own or profile.limits, spec, spec.describe(settings))


def service_account(settings: VoiceSettings) -> tuple[str, ...]:
    """Name the account at a service that a voice's requests are counted against."""
    return settings.provider, settings.base_url, settings.api_key_env or settings.api_key_block
