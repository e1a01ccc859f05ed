"""Samples: joined, levelled, encoded. Here are the settings of it, light to import."""

from pydantic import BaseModel, ConfigDict, Field


class PauseSettings(BaseModel):
    """`[audio.pauses]` of a profile, in seconds.

    After a turn from one voice to another within a sentence, after a sentence, a paragraph and so on, around a chapter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    turn: float = Field(0.15, ge=0, le=10)
    sentence: float = Field(0.35, ge=0, le=10)
    paragraph: float = Field(0.7, ge=0, le=10)
    heading: float = Field(1.2, ge=0, le=10)
    scene: float = Field(1.8, ge=0, le=10)
    head: float = Field(0.75, ge=0, le=10)
    tail: float = Field(2.0, ge=0, le=10)


class AudioSettings(BaseModel):
    """`[audio]` of a profile: integrated loudness (LUFS, ITU-R BS.1770), sample peak (dBFS), pauses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    loudness_lufs: float = Field(-19.0, ge=-40, le=-5)
    peak_dbfs: float = Field(-3.0, ge=-24, le=0)
    pauses: PauseSettings = Field(default_factory=PauseSettings)
